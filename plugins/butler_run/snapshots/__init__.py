"""What a run changed: snapshots, diffs and undo."""
