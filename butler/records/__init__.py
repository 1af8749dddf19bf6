"""The records of handled and ignored messages."""
