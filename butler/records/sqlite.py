"""SqliteRecords: records in a SQLite file."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from math import inf
from pathlib import Path
from typing import TypeVar

from butler.access.rules import Refusal
from butler.chat.message import Message
from butler.errors import DataError
from butler.logs import Complaint
from butler.records.model import Done, Ignored
from butler.storage.connection import Connection
from butler.storage.files import data_error
from butler.storage.rows import insert_rows, used_bytes
from butler.storage.sqlite import Database

logger = logging.getLogger(__name__)

T = TypeVar("T")

KEEP_S = 90 * 24 * 3600.0
CLOCKS_APART_S = 24 * 3600.0
MAX_WAITING = 20_000
MAX_BYTES = 50_000_000

_MIGRATIONS = (
    """
    CREATE TABLE ignored (
        time REAL NOT NULL,
        chat_id TEXT NOT NULL,
        sender TEXT NOT NULL,
        message_id TEXT NOT NULL,
        rule TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX ignored_by_time ON ignored (time);
    CREATE TABLE audit (
        time REAL NOT NULL,
        chat_id TEXT NOT NULL,
        sender TEXT NOT NULL,
        message_id TEXT NOT NULL,
        command TEXT NOT NULL,
        repo TEXT NOT NULL,
        result TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX audit_by_time ON audit (time);
    """,
)
_THIN_OUT = """
DELETE FROM {table} WHERE rowid <= (
    SELECT min(rowid) + (max(rowid) - min(rowid)) / 20 FROM {table}
)
"""
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
        self._keep_s = inf if keep_s is None else keep_s
        self._ignored: deque[Ignored] = deque()
        self._done: deque[Done] = deque()
        self._overflow = 0
        self._writing = threading.Lock()
        self._held: Database | None = None
        self._complaint = Complaint(logger)
        self._open().close()

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

    def flush(self) -> None:
        """Write the queued records and delete expired ones; after a failure they stay queued."""
        with self._writing:
            ignored, done = _taken(self._ignored), _taken(self._done)
            try:
                self._write(ignored, done)
            except DataError as error:
                self._put_back(ignored, done)
                self._complaint.begin("records wait until they can be written: %s", error)
            else:
                self._complaint.end("records are written again")

    def _put_back(self, ignored: list[Ignored], done: list[Done]) -> None:
        kept = ignored[: max(0, MAX_WAITING - len(self._ignored))]
        self._overflow += len(ignored) - len(kept)
        self._ignored.extendleft(reversed(kept))
        self._done.extendleft(reversed(done[-MAX_WAITING:]))

    def _write(self, ignored: list[Ignored], done: list[Done]) -> None:
        overflow, now = self._overflow, time.time()
        if overflow:
            ignored = [*ignored, Ignored(now, "", "", "", "flood", f"{overflow} more messages")]
        if not ignored and not done:
            return
        with self._database() as database:
            with database.transaction() as db:
                insert_rows(db, "INSERT INTO ignored", ignored)
                insert_rows(db, "INSERT INTO audit", done)
                expired = _delete_before(db, now - self._keep_s)
                self._thin_out(db)
            self._overflow -= overflow
            if expired:
                _empty_log(database)
            self._shrink(database)

    def last_ignored(self, limit: int, chat_id: str | None = None) -> list[Ignored]:
        """Return the newest ignored messages, newest first, of one chat or of all."""
        query = (
            "SELECT * FROM ignored WHERE ? IS NULL OR chat_id = ? "
            "ORDER BY time DESC, rowid DESC LIMIT ?"
        )
        self.flush()
        with self._database() as database:
            return [Ignored(*row) for row in database.read(query, (chat_id, chat_id, limit))]

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

    def _thin_out(self, db: Connection) -> None:
        """Delete the oldest rows of the larger table until new ones fit.

        So a flood of ignored messages does not displace the audit.
        """
        while used_bytes(db) > FULL_AT * self._max_bytes:
            table = max("ignored", "audit", key=lambda each: _length(db, each))
            if not db.execute(_THIN_OUT.format(table=table)).rowcount:
                break

    def _shrink(self, database: Database) -> None:
        """Shrink a file that is larger than its limit, as after the limit was lowered."""
        if self._path.stat().st_size <= self._max_bytes:
            return
        try:
            database.change("VACUUM")
            database.read("PRAGMA wal_checkpoint(TRUNCATE)")
        except DataError as error:
            logger.warning("the records stay larger than max_mb: %s", error)

    @asynccontextmanager
    async def flushing(self, every_s: float = 1.0) -> AsyncIterator[None]:
        """Flush in a worker thread while the block lasts, and once more at its end."""
        # Closing the last connection syncs the file to disk; an open one leaves that to the end.
        with self._database() as self._held:
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
        self.flush()
        with self._writing:
            self._held = None
        if waiting := len(self._ignored) + len(self._done):
            logger.error("%d records are lost", waiting)

    @contextmanager
    def _database(self) -> Iterator[Database]:
        with nullcontext(self._held) if self._held else closing(self._open()) as database:
            yield database

    def _open(self) -> Database:
        log_bytes = self._max_bytes // 10
        return Database(self._path, _MIGRATIONS, raises=data_error, max_log_bytes=log_bytes)


def _delete_before(db: Connection, time_s: float) -> int:
    """Delete what is older; return the number of rows."""
    ignored = db.execute("DELETE FROM ignored WHERE time < ?", (time_s,)).rowcount
    return ignored + db.execute("DELETE FROM audit WHERE time < ?", (time_s,)).rowcount


def _empty_log(database: Database) -> None:
    """Let nothing that has expired stay in the write-ahead log; a reader may hold that up."""
    try:
        database.read("PRAGMA wal_checkpoint(TRUNCATE)")
    except DataError as error:
        logger.warning("expired records stay in the log for a while: %s", error)


def _taken(waiting: deque[T]) -> list[T]:
    """Empty the queue; another thread may add to it meanwhile."""
    return [waiting.popleft() for _ in range(len(waiting))]


def _length(db: Connection, table: str) -> int:
    """Return the approximate number of rows of a table, without counting them."""
    query = f"SELECT coalesce(max(rowid) - min(rowid) + 1, 0) FROM {table}"  # noqa: S608 - a constant
    return int(db.execute(query).fetchone()[0])
