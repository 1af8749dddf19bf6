"""SQLite: open a file, migrate it to the newest schema, read it and write it."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, NoReturn

from butler.storage.connection import Connection, storable
from butler.storage.migrations import Migration, RefusedError, bring_up_to_date
from butler.storage.rows import Value
from butler.storage.sqlite_errors import (
    Failure,
    from_os,
    from_sqlite,
    not_a_database,
    primary_code,
)

Synchronous = Literal["NORMAL", "FULL"]
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Value]]
SMALL_PAGE_BYTES: Final = 1024
"""For many small changes. A commit writes whole pages, and a session takes about a hundred bytes:
with pages of 1 KiB rather than SQLite's default of 4 KiB, a change takes 25 % less time on average
(10 % less with a million sessions, where a read takes 5 % more; bench/sessions_manager.py)."""

_PATIENCE_S: Final = 30.0
_PAGE_BYTES: Final = 4096
_creating: Final = Lock()


class Database:
    """A SQLite file in WAL mode that threads and processes share, private to its owner.

    A connection is lent to one call at a time, so the pool grows to the highest number of
    concurrent calls; a long read on one thread does not block a write on another. Writers of this
    process queue for a lock, because SQLite itself waits by sleeping.

    Args:
        path: The file; it and its folder are created if missing.
        migrations: Migrate an empty file to the newest schema, one after the other. ``PRAGMA
            user_version`` is the number of applied migrations. A released one never changes.
        raises: Converts a failure to the error to raise.
        application_id: Distinguishes the file from those of other programs.
        synchronous: ``FULL`` waits for the disk at each change, which then survives a power cut.
        page_bytes: The page size of a new file.
        max_log_bytes: Maximum size of the write-ahead log before a checkpoint; by default SQLite's.
        is_checked: Check the file for damage before changing anything.
        schema: Idempotent statements to run at each opening, after the migrations.
        patience_s: Timeout of waiting for another process that writes.
        storable: Converts text that UTF-8 cannot encode.
        connection: The class of the connections.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        migrations: Sequence[Migration],
        *,
        raises: Callable[[Failure], Exception],
        application_id: int = 0,
        synchronous: Synchronous = "NORMAL",
        page_bytes: int = _PAGE_BYTES,
        max_log_bytes: int | None = None,
        is_checked: bool = False,
        schema: str = "",
        patience_s: float = _PATIENCE_S,
        storable: Callable[[str], str | bytes] = storable,
        connection: type[Connection] = Connection,
    ) -> None:
        if synchronous not in ("NORMAL", "FULL"):
            raise ValueError(f"synchronous must be NORMAL or FULL, not {synchronous}.")
        # Absolute, because connections are opened later; resolved, because SQLite follows links.
        self._path = Path(path).resolve()
        self._raises = raises
        self._pragmas = [f"page_size = {page_bytes}", f"synchronous = {synchronous}"]
        # What is deleted is overwritten, so that no text outlives its time in a free page.
        self._pragmas.append("secure_delete = ON")
        if max_log_bytes is not None:
            self._pragmas.append(f"journal_size_limit = {max_log_bytes}")
            self._pragmas.append(f"wal_autocheckpoint = {max_log_bytes // page_bytes}")
        self._application_id = application_id
        self._patience_s = patience_s
        self._storable = storable
        self._connection = connection
        self._idle: list[Connection] = []
        self._is_closed = False
        self._writing = Lock()
        self._create()
        self._prepare(migrations, schema, is_checked=is_checked)

    def read(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Return the rows selected by a statement."""
        db = self._borrow()
        try:
            rows = db.execute(sql, values).fetchall()
        except BaseException as error:
            self._undo(db, error)
            raise
        self._give_back(db)
        return rows

    def change(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run one statement and commit it; return the number of changed rows."""
        return self._changed(sql, values).rowcount

    def insert(self, sql: str, values: Sequence[Value] = ()) -> int | None:
        """Insert one row and commit it; return its number, None if it was left out."""
        done = self._changed(sql, values)
        return done.lastrowid if done.rowcount == 1 else None

    def _changed(self, sql: str, values: Sequence[Value]) -> sqlite3.Cursor:
        with self._writing:
            db = self._borrow()
            try:
                done = db.execute(sql, values)
            except BaseException as error:
                self._undo(db, error)
                raise
            self._give_back(db)
        return done

    def write(self, *statements: Statement) -> list[Row]:
        """Run the statements as one transaction and commit it; return all their rows.

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
                    try:
                        cursor.execute(sql, values)
                    except UnicodeEncodeError:
                        cursor.execute(sql, db.all_storable(values))
                    rows += cursor.fetchall()
                cursor.execute("COMMIT")
            except BaseException as error:
                self._undo(db, error)
                raise
            self._give_back(db)
        return rows

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection for a write transaction, committed if the block succeeds."""
        with self._writing:
            db = self._borrow()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException as error:
                self._undo(db, error)
                raise
            self._give_back(db)

    def take_connection(self) -> Connection:
        """Return a connection that the caller owns and closes."""
        return self._borrow()

    def close(self) -> None:
        """Close all connections; one that another thread is using is closed after its call."""
        self._is_closed = True
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _borrow(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _give_back(self, db: Connection) -> None:
        self._idle.append(db)
        if self._is_closed:
            self.close()

    def _undo(self, db: Connection, error: BaseException) -> None:
        """Roll back any open transaction; raise the error for the SQLite failure.

        The connection is closed, because a new one may succeed, but not if the disk is full: SQLite
        checkpoints its log when the last connection closes, and that takes space.
        """
        if isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_FULL:
            with contextlib.suppress(sqlite3.Error):
                db.rollback()
            self._give_back(db)
        else:
            db.close()
        if isinstance(error, sqlite3.Error):
            raise self._raises(from_sqlite(self._path, error)) from error

    def _refuse(self, reason: str, remedy: str) -> NoReturn:
        raise self._raises(Failure(self._path, reason, remedy))

    def _connect(self) -> Connection:
        if self._is_closed:
            self._refuse("the database is closed", "open it again")
        try:
            return self._open()
        except sqlite3.Error as error:
            raise self._raises(from_sqlite(self._path, error)) from error

    def _open(self) -> Connection:
        with contextlib.ExitStack() as on_failure:
            # mode=rw never creates a file, so a deleted one is not recreated empty.
            db = sqlite3.connect(
                f"{self._path.as_uri()}?mode=rw",
                uri=True,
                timeout=self._patience_s,
                isolation_level=None,
                check_same_thread=False,
                factory=self._connection,
            )
            on_failure.callback(db.close)
            db.storable = self._storable
            for pragma in self._pragmas:
                db.execute(f"PRAGMA {pragma}")
            on_failure.pop_all()
        return db

    def _create(self) -> None:
        try:
            make_folder(self._path.parent)
            create_file(self._path)
            size_bytes = self._path.stat().st_size
        except OSError as error:
            raise self._raises(from_os(self._path, error)) from error
        # SQLite treats a file of one byte as empty and would overwrite it.
        if size_bytes == 1:
            raise self._raises(not_a_database(self._path))

    def _prepare(self, migrations: Sequence[Migration], schema: str, *, is_checked: bool) -> None:
        db = self._connect()
        try:
            bring_up_to_date(
                *(db, migrations, self._application_id, self._patience_s),
                is_checked=is_checked,
                schema=schema,
            )
        except RefusedError as error:
            self._undo(db, error)
            self._refuse(error.reason, error.remedy)
        except BaseException as error:
            self._is_closed = True  # nobody gets this object, so nobody else closes it
            self._undo(db, error)
            raise
        self._give_back(db)


def create_file(path: Path) -> None:
    """Create ``path`` for its owner only, if missing; SQLite's files next to it get the same mode.

    An existing file is not opened, and one thread creates at a time: closing any descriptor of a
    file drops all the locks that SQLite has on it in this process
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).

    Raises:
        OSError: It cannot be created.
    """
    with _creating, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def make_folder(folder: Path) -> None:
    """Create a folder, and the missing ones above it, each readable by nobody else.

    Raises:
        OSError: It cannot be created.
    """
    if folder.is_dir():
        return
    if not folder.parent.exists():
        make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
