"""Ids of handled messages, for deduplication in local transports."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from butler.logs import Complaint
from butler.storage.files import insert_rows, open_database, unusable

logger = logging.getLogger(__name__)

KEEP_S = 30 * 24 * 3600.0
Key = tuple[str, str, str]
"""Chat, sender and message id."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS handled (
    chat_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    time REAL NOT NULL,
    PRIMARY KEY (message_id, chat_id, sender)
) WITHOUT ROWID
"""


class SeenMessages:
    """The keys of handled messages, kept on disk for 30 days.

    One thread reads and another one writes, each with its own connection, so neither waits.

    Raises:
        DataError: The file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._adding = open_database(path, _SCHEMA)
        self._asking = open_database(path, _SCHEMA)
        self._complaint = Complaint(logger)

    def __contains__(self, key: Key) -> bool:
        query = "SELECT 1 FROM handled WHERE chat_id = ? AND sender = ? AND message_id = ?"
        try:
            return self._asking.execute(query, key).fetchone() is not None
        except sqlite3.Error as error:
            raise unusable(self._path, error) from error

    def add(self, keys: Iterable[Key]) -> None:
        """Mark these as handled, in one transaction; log a failure."""
        now = time.time()
        rows = [(*key, now) for key in keys]
        self._change(lambda: insert_rows(self._adding, "INSERT OR IGNORE INTO handled", rows))

    def close(self) -> None:
        """Delete old keys and close the file."""
        too_old = "DELETE FROM handled WHERE time < ?"
        self._change(lambda: self._adding.execute(too_old, (time.time() - KEEP_S,)))
        self._adding.close()
        self._asking.close()

    def _change(self, change: Callable[[], object]) -> None:
        try:
            self._adding.execute("BEGIN IMMEDIATE")
            with self._adding:
                change()
            self._complaint.end("saving the ids of handled messages again")
        except sqlite3.Error as error:
            self._complaint.begin(
                "cannot save the ids of handled messages: %s", unusable(self._path, error)
            )
