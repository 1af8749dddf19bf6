"""Butler without a phone: in a terminal, over pipes, or as JSON lines for programs."""
