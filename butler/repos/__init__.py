"""The repos there are, and git."""
