"""The daemon's side: messages from the gateway, replies to it, and its supervision."""
