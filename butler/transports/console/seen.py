"""Ids of handled messages, for deduplication in local transports."""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from butler.errors import DataError
from butler.logs import Complaint
from butler.storage.connection import Connection
from butler.storage.files import PATIENCE_S, data_error
from butler.storage.pruning import HOUR_S, boot_time
from butler.storage.rows import insert_rows
from butler.storage.sqlite import Database

logger = logging.getLogger(__name__)

KEEP_S = 30 * 24 * 3600.0
Key = tuple[str, str, str]
"""Chat, sender and message id."""

_MIGRATIONS = (
    """
    CREATE TABLE handled (
        chat_id TEXT NOT NULL,
        sender TEXT NOT NULL,
        message_id TEXT NOT NULL,
        time REAL NOT NULL,
        PRIMARY KEY (message_id, chat_id, sender)
    ) WITHOUT ROWID
    """,
)


class SeenMessages:
    """The keys of handled messages, kept on disk for 30 days.

    One thread reads and another one writes, each with its own connection, so neither waits.

    Raises:
        DataError: The file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(
            path, _MIGRATIONS, raises=data_error, is_checked=True, patience_s=PATIENCE_S
        )
        self._complaint = Complaint(logger)
        self._pruned_at = boot_time()

    def __contains__(self, key: Key) -> bool:
        query = "SELECT 1 FROM handled WHERE chat_id = ? AND sender = ? AND message_id = ?"
        return bool(self._database.read(query, key))

    def add(self, keys: Iterable[Key]) -> None:
        """Mark these as handled, in one transaction; log a failure."""
        now = time.time()
        rows = [(*key, now) for key in keys]
        self._change(lambda db: insert_rows(db, "INSERT OR IGNORE INTO handled", rows))
        if boot_time() - self._pruned_at > HOUR_S:
            self._prune()

    def close(self) -> None:
        """Delete old keys and close the file."""
        self._prune()
        self._database.close()

    def _prune(self) -> None:
        self._pruned_at = boot_time()
        too_old = "DELETE FROM handled WHERE time < ?"
        self._change(lambda db: db.execute(too_old, (time.time() - KEEP_S,)))

    def _change(self, change: Callable[[Connection], object]) -> None:
        try:
            with self._database.transaction() as db:
                change(db)
            self._complaint.end("saving the ids of handled messages again")
        except DataError as error:
            self._complaint.begin("cannot save the ids of handled messages: %s", error)
