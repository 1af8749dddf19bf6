"""What daemon and gateway say to each other; imports neither."""
