"""Butler without a phone: typed, piped in, or JSON lines for programs."""
