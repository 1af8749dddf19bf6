"""Scheduler: when each may start, what happens in it, what the chat sees of it."""
