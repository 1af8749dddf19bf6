"""Files and SQLite, without any schema of its own."""
