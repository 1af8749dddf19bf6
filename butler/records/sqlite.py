"""SqliteRecords: records in a SQLite file."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext, suppress
from math import inf
from pathlib import Path
from typing import TypeVar

from butler.access.rules import Refusal
from butler.chat.message import Message
from butler.errors import DataError, LastingError
from butler.logs import Complaint
from butler.records.model import Done, Ignored
from butler.records.tables import MIGRATIONS, delete_before, oldest, thin_out
from butler.storage.connection import Connection
from butler.storage.files import data_error, file_id
from butler.storage.pruning import Pruning
from butler.storage.rows import insert_rows
from butler.storage.sqlite import Database

logger = logging.getLogger(__name__)

T = TypeVar("T")

KEEP_S = 90 * 24 * 3600.0
CLOCKS_APART_S = 24 * 3600.0
MAX_WAITING = 20_000
MAX_BYTES = 50_000_000
RETRY_S = 1.0
PATIENCE_S = 0.3
"""Timeout of a lock of another process, as replies wait with it; then records wait in memory."""

QUICK_S = 0.005
"""What took longer the last time is done in a thread."""

MOST_AT_ONCE = 100
PRUNE_EVERY_S = 60.0
BRIEF_S = 5.0
"""A failure this short is none to anybody else: what was done meanwhile is recorded after it."""

FULL_AT = 0.8
"""The share of the maximum size for rows; the rest is for SQLite's write-ahead log."""


class SqliteRecords:
    """Records on disk, kept for a time and up to a maximum size; the oldest are deleted first.

    Records wait in memory for the next :meth:`flush`, so that many share a transaction; transports
    flush before they acknowledge messages. Beyond the limit of the queue, further ignored messages
    are only counted.
    """

    def __init__(
        self, path: Path, max_bytes: int = MAX_BYTES, keep_s: float | None = KEEP_S
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._pruning = Pruning(inf if keep_s is None else keep_s)
        self._ignored: deque[Ignored] = deque()
        self._done: deque[Done] = deque()
        self._overflow = 0
        self._writing = threading.Lock()
        self._held: Database | None = None
        self._held_file: tuple[int, int] | None = None
        self._complaint = Complaint(logger)
        self._failure: DataError | None = None
        self._failed_at = self._failing_since = 0.0
        self._quick: Database | None = None
        self._is_quick = True
        self._has_grown = False
        self._pruned_at = time.monotonic()
        self._open(is_checked=True).close()

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Record that ``message`` was ignored, and why; written at the next flush."""
        if len(self._ignored) < MAX_WAITING:
            self._ignored.append(Ignored.now(message, refusal))
        else:
            self._overflow += 1

    def done(
        self, message: Message, command: str, repo: str, result: str, detail: str = ""
    ) -> None:
        """Record that ``message`` was handled, and its result; written at the next flush."""
        self._done.append(Done.now(message, command, repo, result, detail))

    @property
    def problem(self) -> str:
        """Why what is done cannot be recorded; empty while it can be, or may be in a moment."""
        failure = self._failure
        if failure is None:
            return ""
        is_lasting = isinstance(failure, LastingError)
        has_lasted = time.monotonic() - self._failing_since > BRIEF_S
        return failure.reason or "it failed" if is_lasting or has_lasted else ""

    @property
    def waiting(self) -> int:
        """The number of records that are not written yet."""
        return len(self._ignored) + len(self._done)

    def flush(self) -> None:
        """Write the queued records and delete expired ones; after a failure they stay queued.

        A file that cannot be written is tried once a second, so that nobody else waits for it.
        """
        with self._writing:
            if self._failure is None or time.monotonic() - self._failed_at >= RETRY_S:
                self._flush()

    async def flushed(self) -> None:
        """Write the queued records: at once where that is quick, else in a thread.

        Where the last attempt failed, the next one is up to ``flushing``: nobody waits for it.
        """
        is_left_to_flusher = self._held is not None and self._failure is not None
        if not is_left_to_flusher and not self._flushed_at_once():
            await asyncio.to_thread(self.flush)

    def _flushed_at_once(self) -> bool:
        """Write the queued records without waiting for anybody; return whether that succeeded."""
        quick = self._quick
        if quick is None or not self._is_quick or self._failure or self._overflow:
            return False
        if self.waiting > MOST_AT_ONCE or not self._writing.acquire(blocking=False):
            return False
        try:
            return file_id(self._path) == self._held_file and self._is_written_by(quick)
        finally:
            self._writing.release()

    def _is_written_by(self, quick: Database) -> bool:
        ignored, done = _taken(self._ignored), _taken(self._done)
        if not ignored and not done:
            return True
        began = time.perf_counter()
        try:
            with quick.transaction() as db:
                insert_rows(db, "INSERT INTO ignored", ignored)
                insert_rows(db, "INSERT INTO audit", done)
        except DataError:
            self._put_back(ignored, done)
            return False
        self._has_grown = True
        self._is_quick = time.perf_counter() - began < QUICK_S
        return True

    def _flush(self) -> None:
        began = time.perf_counter()
        ignored, done = _taken(self._ignored), _taken(self._done)
        try:
            self._renew()
            self._write(ignored, done)
        except DataError as error:
            self._put_back(ignored, done)
            self._failed_at = time.monotonic()
            self._failing_since = self._failing_since if self._failure else self._failed_at
            self._failure = error
            self._complaint.begin("records wait until they can be written: %s", error)
        else:
            self._failure = None
            self._is_quick = time.perf_counter() - began < QUICK_S
            self._complaint.end("records are written again")

    def _renew(self) -> None:
        """Begin a new file where the one in use has vanished or was moved away.

        Raises:
            DataError: Its folder has vanished, or it cannot be used.
        """
        if not self._path.parent.is_dir():
            why = "its folder has vanished"
            raise DataError(f"{self._path} cannot be used: {why}; put it back.", why)
        if self._held is not None and self._held_file != file_id(self._path):
            logger.error("%s has vanished; further records go to a new one", self._path)
            self._held.close()
            self._held = self._open()
            self._open_quick()
            self._held_file = file_id(self._path)

    def _put_back(self, ignored: list[Ignored], done: list[Done]) -> None:
        kept = ignored[: max(0, MAX_WAITING - len(self._ignored))]
        self._overflow += len(ignored) - len(kept)
        self._ignored.extendleft(reversed(kept))
        self._done.extendleft(reversed(done[-MAX_WAITING:]))

    def _write(self, ignored: list[Ignored], done: list[Done]) -> None:
        overflow, now = self._overflow, time.time()
        if overflow:
            ignored = [*ignored, Ignored(now, "", "", "", "flood", f"{overflow} more messages")]
        if not ignored and not done and not self._is_pruning_due():
            return
        self._has_grown, self._pruned_at = False, time.monotonic()
        with self._database() as database:
            with database.transaction() as db:
                insert_rows(db, "INSERT INTO ignored", ignored)
                insert_rows(db, "INSERT INTO audit", done)
                expired = self._delete_expired(db)
                thin_out(db, FULL_AT * self._max_bytes)
            self._overflow -= overflow
            if expired:
                _empty_log(database)
            self._shrink(database)

    def _is_pruning_due(self) -> bool:
        return self._has_grown and time.monotonic() - self._pruned_at > PRUNE_EVERY_S

    def _delete_expired(self, db: Connection) -> int:
        """Delete what is too old, as far as the clock is to be trusted; return how many rows."""
        if not self._pruning.is_due:
            return 0
        until = self._pruning.until(oldest(db))
        return 0 if until is None else delete_before(db, until)

    def last_ignored(self, limit: int, chat_id: str | None = None) -> list[Ignored]:
        """Return the newest ignored messages, newest first, of one chat or of all."""
        query = (
            "SELECT * FROM ignored WHERE ? IS NULL OR chat_id = ? "
            "ORDER BY time DESC, rowid DESC LIMIT ?"
        )
        self.flush()
        with self._database() as database:
            return [Ignored(*row) for row in database.read(query, (chat_id, chat_id, limit))]

    def ignored_as(self, message_id: str, chat_id: str | None = None) -> list[Ignored]:
        """Return what was ignored of the messages with this id, of one chat or of all."""
        query = (
            "SELECT * FROM ignored WHERE message_id = ? AND (? IS NULL OR chat_id = ?) "
            "ORDER BY time DESC, rowid DESC"
        )
        self.flush()
        with self._database() as database:
            return [Ignored(*row) for row in database.read(query, (message_id, chat_id, chat_id))]

    def was_done(self, message: Message) -> bool:
        """Return whether ``message`` is on disk as handled; a failure is logged."""
        try:
            done = self.audit(message.time - CLOCKS_APART_S, message.chat_id)
        except DataError as error:
            logger.error("%s", error)
            return False
        return any(each.message_id == message.id for each in done)

    def audit(self, since: float = 0.0, chat_id: str | None = None) -> list[Done]:
        """Return the commands since then (Unix seconds), oldest first, of one chat or of all."""
        query = (
            "SELECT * FROM audit WHERE time >= ? AND (? IS NULL OR chat_id = ?) "
            "ORDER BY time, rowid"
        )
        with self._database() as database:
            return [Done(*row) for row in database.read(query, (since, chat_id, chat_id))]

    def _shrink(self, database: Database) -> None:
        """Shrink a file that is larger than its limit, as after the limit was lowered."""
        if not self._is_too_large():
            return
        try:
            database.change("VACUUM")
            database.read("PRAGMA wal_checkpoint(TRUNCATE)")
        except DataError as error:
            logger.warning("the records stay larger than max_mb: %s", error)

    def _is_too_large(self) -> bool:
        with suppress(OSError):
            return self._path.stat().st_size > self._max_bytes
        return False  # it vanished, which the next flush notices

    @asynccontextmanager
    async def flushing(self, every_s: float = 1.0) -> AsyncIterator[None]:
        """Flush in a worker thread while the block lasts, and once more at its end."""
        # Closing the last connection syncs the file to disk; an open one leaves that to the end.
        with self._database() as self._held:
            self._held_file = file_id(self._path)
            self._open_quick()
            flusher = asyncio.create_task(self._flush_forever(every_s), name="records")
            try:
                yield
            finally:
                flusher.cancel()
                await asyncio.gather(flusher, return_exceptions=True)
                await asyncio.to_thread(self._flush_and_let_go)

    async def _flush_forever(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self.flush)

    def _flush_and_let_go(self) -> None:
        with self._writing:
            self._flush()
            held, self._held = self._held, None
            quick, self._quick = self._quick, None
        for each in (quick, held):
            if each is not None:
                each.close()
        if self.waiting:
            logger.error("%d records are lost", self.waiting)

    def _open_quick(self) -> None:
        """Open the file once more, without patience for others who write."""
        if self._quick is not None:
            self._quick.close()
        self._quick = self._open(patience_s=0.0)

    @contextmanager
    def _database(self) -> Iterator[Database]:
        with nullcontext(self._held) if self._held else closing(self._open()) as database:
            yield database

    def _open(self, *, is_checked: bool = False, patience_s: float = PATIENCE_S) -> Database:
        return Database(
            self._path,
            MIGRATIONS,
            raises=data_error,
            max_log_bytes=self._max_bytes // 10,
            is_checked=is_checked,
            patience_s=patience_s,
        )


def _empty_log(database: Database) -> None:
    """Let nothing that has expired stay in the write-ahead log; a reader may hold that up."""
    try:
        database.read("PRAGMA wal_checkpoint(TRUNCATE)")
    except DataError as error:
        logger.warning("expired records stay in the log for a while: %s", error)


def _taken(waiting: deque[T]) -> list[T]:
    """Empty the queue; another thread may add to it meanwhile."""
    return [waiting.popleft() for _ in range(len(waiting))]
