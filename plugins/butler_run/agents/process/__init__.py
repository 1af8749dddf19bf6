"""An agent's process: its pipes, its lines, and the reaper that ends its process tree."""
