"""An agent's process: its pipes, its lines, and the reaper that ends all of it."""
