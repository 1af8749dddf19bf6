"""Database: a private SQLite file, its connections, and its one queue of writers."""

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

from butler.sessions import faults
from butler.sessions.migrations import MIGRATIONS, Migration, prepare

Synchronous = Literal["NORMAL", "FULL"]
Value = str | bytes | float | None
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Value]]

_PATIENCE_S: Final = 30.0
_PAGE_BYTES: Final = 1024
"""Of a new file. A commit writes whole pages, and a session takes about a hundred bytes: with pages
of a kilobyte rather than SQLite's four, a change takes a quarter less on average, a tenth with a
million sessions, where a read takes a twentieth more (bench/sessions_manager.py)."""
_creating: Final = Lock()


class _Connection(sqlite3.Connection):
    """A connection on whose statements ``was(…)`` notes values of a row before it is changed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.was = was = list[Row]()

        def note(*values: Value) -> bool:
            was.append(values)
            return True

        self.create_function("was", -1, note)


class Database:
    """A SQLite database in WAL mode that threads and processes share.

    A connection is lent to one call at a time, so there are as many as calls ever ran at once; a
    long read on one thread does not hold up a write on another. Writers of this process queue for
    a lock, because waiting inside SQLite is done by sleeping.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "NORMAL",
        migrations: Sequence[Migration] = MIGRATIONS,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        if synchronous not in ("NORMAL", "FULL"):
            raise ValueError(f"synchronous must be NORMAL or FULL, not {synchronous}.")
        # Absolute, because connections are opened later; resolved, because SQLite follows links.
        self._path = Path(path).resolve()
        self._synchronous = synchronous
        self._patience_s = patience_s
        self._idle: list[_Connection] = []
        self._is_closed = False
        self._writing = Lock()
        self._create()
        self._prepare(migrations)

    def read(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Return the rows that a statement selects."""
        db = self._borrow()
        try:
            rows = _rows(db, sql, values)
        except BaseException as error:
            self._discard(db, error)
            raise
        self._give_back(db)
        return rows

    def write(self, *statements: Statement) -> list[Row]:
        """Run the statements as one transaction, kept when this returns; return all their rows.

        Takes SQLite's write lock before the first statement: a transaction that starts by reading
        fails at once, without waiting, if another process wrote before its first write.
        """
        with self._writing:
            db = self._borrow()
            try:
                cursor = db.cursor()
                cursor.execute("BEGIN IMMEDIATE")
                rows: list[Row] = []
                for sql, values in statements:
                    rows += _rows(cursor, sql, values)
                cursor.execute("COMMIT")
            except BaseException as error:
                self._discard(db, error)
                raise
            self._give_back(db)
        return rows

    def change(self, sql: str, values: Sequence[Value]) -> tuple[int, list[Row]]:
        """Run one statement, kept when this returns; return how many rows it changed, and how.

        The latter are the values that the statement's calls of ``was(…)``, which is true, were
        given: what the changed rows held before. One statement is a transaction by itself, and
        takes two thirds of the time of one that reads first (bench/sessions_manager.py).
        """
        with self._writing:
            db = self._borrow()
            db.was.clear()
            try:
                changed = _executed(db, sql, values).rowcount
            except BaseException as error:
                self._discard(db, error)
                raise
            was = db.was.copy()
            self._give_back(db)
        return changed, was

    def close(self) -> None:
        """Close all connections: those in use by other threads as soon as these are done."""
        self._is_closed = True
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _borrow(self) -> _Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _give_back(self, db: _Connection) -> None:
        self._idle.append(db)
        if self._is_closed:
            self.close()

    def _discard(self, db: sqlite3.Connection, error: BaseException) -> None:
        """Close the connection, which undoes whatever is open; raise what an SQLite error means."""
        db.close()
        if isinstance(error, sqlite3.Error):
            raise faults.from_sqlite(self._path, error) from error

    def _connect(self) -> _Connection:
        if self._is_closed:
            raise faults.store_error(self._path, "the database is closed", "open it again")
        try:
            return self._open()
        except sqlite3.Error as error:
            raise faults.from_sqlite(self._path, error) from error

    def _open(self) -> _Connection:
        with contextlib.ExitStack() as on_failure:
            # mode=rw never creates a file, so one that was deleted does not come back empty.
            db = sqlite3.connect(
                f"{self._path.as_uri()}?mode=rw",
                uri=True,
                timeout=self._patience_s,
                isolation_level=None,
                check_same_thread=False,
                factory=_Connection,
            )
            on_failure.callback(db.close)
            db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            db.execute(f"PRAGMA synchronous = {self._synchronous}")
            on_failure.pop_all()
        return db

    def _prepare(self, migrations: Sequence[Migration]) -> None:
        db = self._connect()
        try:
            prepare(db, self._path, migrations, patience_s=self._patience_s)
        except BaseException as error:
            self._discard(db, error)
            raise
        self._give_back(db)

    def _create(self) -> None:
        """Create the file for its owner only; SQLite gives the files next to it the same mode.

        One thread at a time: closing any descriptor of a file drops all the locks that SQLite has
        on it in this process (https://www.sqlite.org/howtocorrupt.html, section 2.2).
        """
        try:
            with _creating, contextlib.suppress(FileExistsError):
                _make_folder(self._path.parent)
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            size_bytes = self._path.stat().st_size
        except OSError as error:
            raise faults.from_os(self._path, error) from error
        # SQLite takes a file of one byte for an empty one, and would overwrite it.
        if size_bytes == 1:
            raise faults.not_a_database(self._path)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _rows(db: sqlite3.Connection | sqlite3.Cursor, sql: str, values: Sequence[Value]) -> list[Row]:
    return _executed(db, sql, values).fetchall()


def _executed(
    db: sqlite3.Connection | sqlite3.Cursor, sql: str, values: Sequence[Value]
) -> sqlite3.Cursor:
    try:
        return db.execute(sql, values)
    except UnicodeEncodeError:
        return db.execute(sql, [_storable(value) for value in values])


def _storable(value: Value) -> Value:
    """Return text that UTF-8 has no form for, such as a file name in Latin-1, as bytes."""
    if not isinstance(value, str):
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="surrogatepass")
    return value
