"""The configuration: its schema, and the only reader of TOML."""
