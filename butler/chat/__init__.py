"""Messages, replies, and the interface to chat networks."""
