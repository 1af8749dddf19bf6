"""The daemon's side: receives from the gateway, replies through it, and supervises it."""
