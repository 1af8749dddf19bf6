"""The agent's questions for permission, and who answers them."""
