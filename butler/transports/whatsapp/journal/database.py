"""The gateway's file: what was received and sent, who has which LID, what chats are called.

It is written by the library's thread and by the event loop, one at a time.
"""

import logging
import sqlite3
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from butler.errors import DataError
from butler.storage.migrations import run_script
from butler.storage.rows import Value
from butler.storage.sqlite import SMALL_PAGE_BYTES, Database, Row
from butler.storage.sqlite_errors import Failure
from butler.transports.whatsapp.journal.addresses import PEOPLE_SCHEMA, Addresses
from butler.transports.whatsapp.journal.inbox import INBOX_SCHEMA, Inbox
from butler.transports.whatsapp.journal.names import NAMES_SCHEMA, Names
from butler.transports.whatsapp.journal.outbox import OUTBOX_SCHEMA, Outbox

logger = logging.getLogger(__name__)

FILE_NAME = "journal.sqlite3"
KEEP_S = 30 * 24 * 3600.0
"""Keys of finished messages are kept for so long, so that a late duplicate is one."""


def _bring_from_unnumbered(db: sqlite3.Connection) -> None:
    """Create the tables, or complete those of a journal from before its schema had a number."""
    run_script(db, INBOX_SCHEMA + OUTBOX_SCHEMA + PEOPLE_SCHEMA + NAMES_SCHEMA)
    if "request" not in {name for _, name, *_ in db.execute("PRAGMA table_info(outbox)")}:
        db.execute("ALTER TABLE outbox ADD COLUMN request BLOB")


_MIGRATIONS = (_bring_from_unnumbered,)


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
        self._database = _open(path)
        self._is_failing = False
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
        self._database.close()

    def change(self, query: str, *values: Value) -> int:
        """Run one statement in a transaction of its own; return how many rows it changed.

        Raises:
            UnwritableError: Not now.
            DataError: The file is damaged.
        """
        try:
            count = self._database.change(query, values)
        except UnwritableError as error:
            self._complain(error)
            raise
        # What changes nothing writes nothing, also to a full disk.
        if self._is_failing and count:
            self._is_failing = False
            logger.warning("the journal can be written again")
        return count

    def rows(self, query: str, *values: Value) -> list[Row]:
        """Return what a query finds.

        Raises:
            UnwritableError: Not now.
            DataError: The file is damaged.
        """
        try:
            return self._database.read(query, values)
        except UnwritableError as error:
            self._complain(error)
            raise

    def prune(self) -> None:
        """Forget what is finished and older than 30 days."""
        before = time.time() - KEEP_S
        self.inbox.prune(before)
        self.outbox.prune(before)
        self.names.prune()

    def _complain(self, error: UnwritableError) -> None:
        if not self._is_failing:
            self._is_failing = True
            logger.error("the journal cannot be written, trying on: %s", error)


def _open(path: Path) -> Database:
    try:
        return Database(
            path, _MIGRATIONS, raises=_error, page_bytes=SMALL_PAGE_BYTES, is_checked=True
        )
    except UnwritableError as error:
        raise DataError(f"The journal {error}") from error


def _error(failure: Failure) -> UnwritableError | DataError:
    if failure.may_pass:
        return UnwritableError(str(failure))
    if not isinstance(failure.error, sqlite3.Error):
        return DataError(f"The journal {failure}")
    problem = " ".join(str(failure.error).split())
    return DataError(
        f"The journal {failure.place} is damaged: {problem}. Move it away to start with an empty "
        "one; messages in it that were not answered yet are not answered then."
    )
