"""Files and SQLite; knows no table."""
