"""What can be configured, and the only reader of TOML."""
