"""The files of runs: those that people send, and those that agents send back."""
