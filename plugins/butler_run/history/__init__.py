"""What is kept of runs, chats and processes, on disk."""
