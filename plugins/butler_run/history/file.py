"""The run database, which may be out of use for a while: full, locked, read-only."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from butler import DataError, open_database

logger = logging.getLogger(__name__)

RETRY_S = 1.0
MOST_WAITING = 20_000

Statement = tuple[str, tuple[object, ...]]


def all_but_the_latest(table: str) -> str:
    """Return the statement that deletes the rows of runs beyond a number of the latest ones.

    Their numbers can have gaps, where several machines number runs.
    """
    latest = f"SELECT number FROM {table} ORDER BY number DESC LIMIT 1 OFFSET ?"  # noqa: S608
    return f"DELETE FROM {table} WHERE number < ({latest})"  # noqa: S608 - names of tables


class HistoryFile:
    """Reads and writes the run database; use it from one thread.

    A note is a change that must not stop a run: where it cannot be written it waits in memory, in
    order, until ``keep_noting`` has written it. As long as notes wait, other changes are refused.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._db = open_database(path, schema)
        self._waiting: deque[Statement] = deque()
        self._has_waiting = asyncio.Event()
        self._problem: DataError | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no note waits in memory."""
        return not self._waiting

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query selects.

        Raises:
            DataError: The file cannot be read.
        """
        return self._db.execute(sql, values).fetchall()

    def change(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement; return its rows.

        Raises:
            DataError: The file cannot be written now, and nothing was changed.
        """
        if self._problem is not None and self._waiting:
            raise self._problem
        return self._db.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes of the block, all or none.

        Raises:
            DataError: The file cannot be written now, and nothing was changed.
        """
        self.change("BEGIN IMMEDIATE")
        try:
            yield
            self.change("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.rollback()
            raise

    def note(self, sql: str, *values: object) -> None:
        """Run one statement, now or as soon as the file can be written."""
        if not self._waiting:
            try:
                self._db.execute(sql, values)
            except DataError as error:
                self._problem = error
                logger.error("notes on runs wait in memory: %s", error)
            else:
                return
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((sql, values))
            self._has_waiting.set()

    async def keep_noting(self) -> None:
        """Write the notes that wait, forever."""
        while True:
            await self._has_waiting.wait()
            await asyncio.sleep(RETRY_S)
            count = len(self._waiting)
            try:
                await asyncio.to_thread(self._write, list(islice(self._waiting, count)))
            except DataError as error:
                self._problem = error
                continue
            self._forget(count)

    def close(self) -> None:
        """Write the notes that wait, if that is possible, and close the file."""
        if self._waiting:
            try:
                self._write(list(self._waiting))
            except DataError as error:
                logger.error("%d notes on runs are lost: %s", len(self._waiting), error)
        self._db.close()

    def _write(self, statements: list[Statement]) -> None:
        """Write these, all or none; with a connection of its own, as it may wait for a lock."""
        with closing(open_database(self._path, self._schema)) as db:
            db.execute("BEGIN IMMEDIATE")
            for statement in statements:
                db.execute(*statement)
            db.execute("COMMIT")

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        if not self._waiting:
            self._has_waiting.clear()
            logger.info("the notes on runs are written again")
