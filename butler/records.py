"""The record of messages that were not acted on, with the rule that decided so."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from butler.access import Refusal
from butler.errors import DataError
from butler.files import private_file
from butler.message import Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

logger = logging.getLogger(__name__)

KEEP_S = 30 * 24 * 3600.0
MAX_WAITING = 20_000
MAX_ROWS = 250_000
"""Some 50 MB: a row takes about 200 bytes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ignored (
    time REAL NOT NULL,
    chat_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ignored_by_time ON ignored (time);
"""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that was not acted on; ``time`` is that of the decision, in Unix seconds."""

    time: float
    chat_id: str
    sender: str
    message_id: str
    rule: str
    detail: str


class Records(Protocol):
    """Where the messages that were not acted on are noted."""

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Note that ``message`` was not acted on, and why; never waits."""
        ...


class MemoryRecords:
    """The records of one process, for tests and for a bot that keeps nothing."""

    def __init__(self) -> None:
        self.entries: list[Ignored] = []

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Note that ``message`` was not acted on, and why."""
        self.entries.append(_entry(message, refusal))


class SqliteRecords:
    """Records on disk: kept for 30 days, at most 250,000 of them, the oldest go first.

    What is noted waits in memory for the next :meth:`flush`. Where more waits than memory should
    hold, a count takes the place of the rest.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[Ignored] = []
        self._overflow = 0
        private_file(path)
        with self._database() as db:
            db.executescript(_SCHEMA)

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Note that ``message`` was not acted on, and why; written at the next flush."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(_entry(message, refusal))
        else:
            self._overflow += 1

    def flush(self) -> None:
        """Write what waits, and forget what is too old or too much."""
        if not self._waiting:
            return
        rows, self._waiting = self._waiting, []
        overflow, self._overflow = self._overflow, 0
        if overflow:
            rows.append(Ignored(time.time(), "", "", "", "flood", f"{overflow} more messages"))
        with self._database() as db, db:
            db.executemany("INSERT INTO ignored VALUES (?, ?, ?, ?, ?, ?)", map(astuple, rows))
            db.execute("DELETE FROM ignored WHERE time < ?", (time.time() - KEEP_S,))
            db.execute(
                "DELETE FROM ignored WHERE rowid <= (SELECT max(rowid) FROM ignored) - ?",
                (MAX_ROWS,),
            )

    def last(self, limit: int, chat_id: str | None = None) -> list[Ignored]:
        """Return the newest entries, newest first, of one chat or of all."""
        query = (
            "SELECT * FROM ignored WHERE ?1 IS NULL OR chat_id = ?1 "
            "ORDER BY time DESC, rowid DESC LIMIT ?2"
        )
        with self._database() as db:
            return [Ignored(*row) for row in db.execute(query, (chat_id, limit))]

    @asynccontextmanager
    async def flushing(self, every_s: float = 1.0) -> "AsyncIterator[None]":
        """Flush in a worker thread while the block lasts, and once more at its end."""
        flusher = asyncio.create_task(self._flush_forever(every_s), name="records")
        try:
            yield
        finally:
            flusher.cancel()
            await asyncio.gather(flusher, return_exceptions=True)
            await asyncio.to_thread(self._flush_or_log)

    async def _flush_forever(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self._flush_or_log)

    def _flush_or_log(self) -> None:
        try:
            self.flush()
        except DataError as error:
            logger.error("records are lost: %s", error)

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=20)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                yield db
        except sqlite3.Error as error:
            raise DataError(f"The records in {self._path} cannot be used: {error}.") from error


def _entry(message: Message, refusal: Refusal) -> Ignored:
    return Ignored(
        time.time(),
        message.chat_id,
        str(message.sender),
        message.id,
        refusal.rule,
        refusal.detail,
    )
