"""The agent's own questions and plans, and the answers to them."""
