"""The gateway's file: what was received and sent, who has which LID, what chats are called.

It is written by the library's thread and by the event loop, one at a time.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from butler.errors import DataError
from butler.storage.files import private_file
from butler.transports.whatsapp.journal.addresses import PEOPLE_SCHEMA, Addresses
from butler.transports.whatsapp.journal.inbox import INBOX_SCHEMA, Inbox
from butler.transports.whatsapp.journal.names import NAMES_SCHEMA, Names
from butler.transports.whatsapp.journal.outbox import OUTBOX_CHANGES, OUTBOX_SCHEMA, Outbox

logger = logging.getLogger(__name__)

FILE_NAME = "journal.sqlite3"
KEEP_S = 30 * 24 * 3600.0
"""Keys of finished messages are kept for so long, so that a late duplicate is one."""

_PAGE_BYTES = 1024
"""Of a new file; a commit writes whole pages, and a message takes some hundred bytes."""

T = TypeVar("T")


class UnwritableError(Exception):
    """The journal cannot be written just now, as when the disk is full; worth another try."""


class Journal:
    """The file, open; leaving the block closes it.

    Attributes:
        inbox: What was received.
        outbox: What was sent.
        people: Who has which LID.
        names: What chats are called.

    Raises:
        DataError: The file cannot be used; it is left as it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._is_failing = False
        private_file(path)
        self._db = self._open()
        self.inbox = Inbox(self)
        self.outbox = Outbox(self)
        self.people = Addresses(self)
        self.names = Names(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._db.close()

    def change(self, query: str, *values: object) -> int:
        """Run one statement in a transaction of its own; return how many rows it changed.

        Raises:
            UnwritableError: Not now.
            DataError: The file is damaged.
        """
        with self._lock:
            count = self._guarded(lambda: self._db.execute(query, values).rowcount)
        # What changes nothing writes nothing, also to a full disk.
        if self._is_failing and count:
            self._is_failing = False
            logger.warning("the journal can be written again")
        return count

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds.

        Raises:
            UnwritableError: Not now.
            DataError: The file is damaged.
        """
        with self._lock:
            return self._guarded(lambda: self._db.execute(query, values).fetchall())

    def prune(self) -> None:
        """Forget what is finished and older than 30 days."""
        before = time.time() - KEEP_S
        self.inbox.prune(before)
        self.outbox.prune(before)
        self.names.prune()

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if not self._is_failing:
                self._is_failing = True
                logger.error("the journal cannot be written, trying on: %s", error)
            raise UnwritableError(str(error)) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _open(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(
                self._path, timeout=20, isolation_level=None, check_same_thread=False
            )
            db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            db.executescript(INBOX_SCHEMA + OUTBOX_SCHEMA + PEOPLE_SCHEMA + NAMES_SCHEMA)
            columns = {name for _, name, *_ in db.execute("PRAGMA table_info(outbox)")}
            for change in (sql for name, sql in OUTBOX_CHANGES.items() if name not in columns):
                db.execute(change)
        except sqlite3.OperationalError as error:
            raise DataError(f"The journal {self._path} cannot be used: {error}.") from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error
        return db

    def _damaged(self, error: sqlite3.Error) -> DataError:
        problem = " ".join(str(error).split())
        return DataError(
            f"The journal {self._path} is damaged: {problem}. Move it away to start with an empty "
            "one; messages in it that were not answered yet are not answered then."
        )
