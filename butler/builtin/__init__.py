"""The plugins that the core brings."""
