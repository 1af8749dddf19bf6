"""The age of the library's message secrets, which it stores in order but without a time."""

import time

from butler.transports.whatsapp.journal.inbox import JournalFile

MARKS_SCHEMA = """
CREATE TABLE secret_marks (
    last_row INTEGER PRIMARY KEY,
    time REAL NOT NULL
);
"""


class SecretMarks:
    """The last row of the library's table at certain times."""

    def __init__(self, db: JournalFile) -> None:
        self._db = db

    def last_before(self, time_s: float) -> int:
        """Return the last row that is known to be older; 0 if none is."""
        query = "SELECT max(last_row) FROM secret_marks WHERE time < ?"
        return self._db.rows(query, time_s)[0][0] or 0

    def note(self, last_row: int) -> None:
        """Note the last row as of now, and forget the marks that a later one makes useless."""
        self._db.change("DELETE FROM secret_marks WHERE last_row > ?", last_row)
        self._db.change("INSERT OR IGNORE INTO secret_marks VALUES (?, ?)", last_row, time.time())

    def forget(self, up_to_row: int) -> None:
        """Forget the marks of rows that have been deleted."""
        self._db.change("DELETE FROM secret_marks WHERE last_row < ?", up_to_row)
