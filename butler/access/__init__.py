"""What protects the user: who may do what, and how often."""
