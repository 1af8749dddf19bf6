"""The gateway's database: received and sent messages, addresses, and names of chats.

The library's thread and the event loop write it, one at a time.
"""

import logging
import sqlite3
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from butler.errors import DataError, LastingDataError
from butler.storage.migrations import run_script
from butler.storage.rows import Value
from butler.storage.sqlite import SMALL_PAGE_BYTES, Database, Row
from butler.storage.sqlite_errors import Failure
from butler.transports.whatsapp.journal.addresses import PEOPLE_SCHEMA, Addresses
from butler.transports.whatsapp.journal.inbox import INBOX_SCHEMA, Inbox
from butler.transports.whatsapp.journal.names import NAMES_SCHEMA, Names
from butler.transports.whatsapp.journal.outbox import OUTBOX_SCHEMA, Outbox
from butler.transports.whatsapp.journal.secret_marks import MARKS_SCHEMA, SecretMarks
from butler.transports.whatsapp.journal.set_aside import SET_ASIDE_SCHEMA, SetAside

logger = logging.getLogger(__name__)

FILE_NAME = "journal.sqlite3"
KEEP_S = 30 * 24 * 3600.0
"""How long keys of finished messages are kept to deduplicate late deliveries."""

PATIENCE_S = 1.0
"""Timeout of a lock by another process; the loop waits meanwhile, and then tries again."""


def _bring_from_unnumbered(db: sqlite3.Connection) -> None:
    """Create the tables, or complete those of a journal from before schema versions."""
    run_script(db, INBOX_SCHEMA + OUTBOX_SCHEMA + PEOPLE_SCHEMA + NAMES_SCHEMA)
    if "request" not in {name for _, name, *_ in db.execute("PRAGMA table_info(outbox)")}:
        db.execute("ALTER TABLE outbox ADD COLUMN request BLOB")


_MIGRATIONS = (_bring_from_unnumbered, SET_ASIDE_SCHEMA + MARKS_SCHEMA)


class UnwritableError(Exception):
    """The journal cannot be written at the moment, as when the disk is full; retry later."""


class Journal:
    """The open database; leaving the block closes it.

    Attributes:
        inbox: Received messages.
        outbox: Sent replies.
        people: Pairs of LID and phone number.
        names: Names of chats.
        set_aside: Chats that cannot be written to for now.
        secret_marks: The age of the library's message secrets.

    Raises:
        DataError: The file cannot be used, and is not changed.
    """

    def __init__(self, path: Path) -> None:
        self._database = _open(path)
        self._is_failing = False
        self.inbox = Inbox(self)
        self.outbox = Outbox(self)
        self.people = Addresses(self)
        self.names = Names(self)
        self.set_aside = SetAside(self)
        self.secret_marks = SecretMarks(self)

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
        """Run one statement in its own transaction; return the number of changed rows.

        Raises:
            UnwritableError: It cannot be written at the moment.
            DataError: The file is damaged.
        """
        try:
            count = self._database.change(query, values)
        except UnwritableError as error:
            self._complain(error)
            raise
        self._note_success(is_change=count > 0)
        return count

    def insert(self, query: str, *values: Value) -> int | None:
        """Insert one row in its own transaction; return its number, None if it was left out.

        Raises:
            UnwritableError: It cannot be written at the moment.
            DataError: The file is damaged.
        """
        try:
            row = self._database.insert(query, values)
        except UnwritableError as error:
            self._complain(error)
            raise
        self._note_success(is_change=row is not None)
        return row

    def rows(self, query: str, *values: Value) -> list[Row]:
        """Return the rows that a query selects.

        Raises:
            UnwritableError: It cannot be read at the moment.
            DataError: The file is damaged.
        """
        try:
            return self._database.read(query, values)
        except UnwritableError as error:
            self._complain(error)
            raise

    def prune(self) -> None:
        """Delete finished entries older than 30 days."""
        before = time.time() - KEEP_S
        self.inbox.prune(before)
        self.outbox.prune(before)
        self.names.prune()

    def _note_success(self, *, is_change: bool) -> None:
        # A statement that changes nothing succeeds on a full disk, too.
        if self._is_failing and is_change:
            self._is_failing = False
            logger.warning("the journal is writable again")

    def _complain(self, error: UnwritableError) -> None:
        if not self._is_failing:
            self._is_failing = True
            logger.error("the journal cannot be written, retrying: %s", error)


def _open(path: Path) -> Database:
    try:
        return Database(
            path,
            _MIGRATIONS,
            raises=_error,
            page_bytes=SMALL_PAGE_BYTES,
            is_checked=True,
            patience_s=PATIENCE_S,
        )
    except UnwritableError as error:
        raise DataError(f"The journal {error}") from error


def _error(failure: Failure) -> UnwritableError | DataError:
    if failure.may_pass:
        return UnwritableError(str(failure))
    if not isinstance(failure.error, sqlite3.Error):
        kind = LastingDataError if failure.is_lasting else DataError
        return kind(f"The journal {failure}")
    problem = " ".join(str(failure.error).split())
    return LastingDataError(
        f"The journal {failure.place} is damaged: {problem}. Move it away to start with an empty "
        "one; unanswered messages in it stay unanswered."
    )
