"""The messages that were handled, so that none is handled twice; for transports on this machine."""

import logging
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from butler.errors import DataError
from butler.files import private_file

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
    PRIMARY KEY (chat_id, sender, message_id)
) WITHOUT ROWID
"""


class HandledMessages:
    """The keys of handled messages, on disk, for 30 days."""

    def __init__(self, path: Path) -> None:
        private_file(path)
        try:
            self._db = sqlite3.connect(path, timeout=20, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(_SCHEMA)
            self._db.execute("DELETE FROM handled WHERE time < ?", (time.time() - KEEP_S,))
        except sqlite3.Error as error:
            raise DataError(f"The record in {path} cannot be used: {error}.") from error

    def __contains__(self, key: Key) -> bool:
        query = "SELECT 1 FROM handled WHERE chat_id = ? AND sender = ? AND message_id = ?"
        return self._db.execute(query, key).fetchone() is not None

    def add(self, keys: Iterable[Key]) -> None:
        """Note that these were handled, in one transaction."""
        now = time.time()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                self._db.executemany(
                    "INSERT OR IGNORE INTO handled VALUES (?, ?, ?, ?)",
                    ((*key, now) for key in keys),
                )
        except sqlite3.Error as error:
            logger.error("handled messages were not noted: %s", error)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()
