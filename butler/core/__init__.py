"""The core: turns a message into its reply."""
