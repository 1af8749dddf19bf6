"""The data folder: private to the user, and locked by the daemon that works in it."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path

from butler.errors import DataError

# By primary result code, https://www.sqlite.org/rescode.html
_WAYS_OUT = {
    sqlite3.SQLITE_BUSY: "find the process that holds it and end it",
    sqlite3.SQLITE_CANTOPEN: "make the file and its folder writable",
    sqlite3.SQLITE_CORRUPT: "restore a copy or move it away",
    sqlite3.SQLITE_FULL: "free some space on the disk",
    sqlite3.SQLITE_IOERR: "look after the disk",
    sqlite3.SQLITE_NOTADB: "restore a copy or move it away",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable",
}

ROWS_AT_A_TIME = 64
"""Of up to eight values each, so no more than the 999 that an older SQLite takes."""


def private_folder(path: Path) -> Path:
    """Create ``path`` if it is not there, readable by nobody else; return it.

    Raises:
        DataError: It cannot be created, is not a folder, or is somebody else's.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
    except FileExistsError:
        raise DataError(f"{path} is not a folder.") from None
    except OSError as error:
        raise DataError(f"The folder {path} cannot be used: {error.strerror}.") from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise DataError(
            f"The folder {path} cannot be used: this user may not read and write in it. "
            "Change its owner, or choose another data_dir."
        )
    return path


def is_there(path: Path) -> bool:
    """Look at the disk: return whether there is a file or folder ``path``.

    Raises:
        DataError: A folder above it may not be looked into.
    """
    try:
        return path.exists()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None


def private_file(path: Path) -> Path:
    """Create ``path`` if it is not there, readable by nobody else; return it.

    One that is there is not opened: closing it would drop the locks that SQLite has on it in this
    process (https://www.sqlite.org/howtocorrupt.html, section 2.2).

    Raises:
        DataError: It cannot be created.
    """
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from None
    return path


def open_database(path: Path, schema: str, version: int = 1) -> sqlite3.Connection:
    """Open the SQLite file ``path`` in WAL mode, made if it is not there; any thread may use it.

    Args:
        path: The file.
        schema: Statements that change nothing where they were run before.
        version: Of the schema; one that is lower than the file's is refused.

    Raises:
        DataError: It cannot be used.
    """
    private_file(path)
    try:
        with ExitStack() as on_failure:
            db = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
            on_failure.callback(db.close)
            with _alone_in(path.parent):
                _prepare(db, path, schema, version)
            on_failure.pop_all()
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    return db


def unusable(path: Path, error: sqlite3.Error) -> DataError:
    """Return what ``error`` means for the database ``path``, with the way out."""
    # Errors that sqlite3 raises without asking SQLite have no code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_IOERR and _is_full(path.parent):
        code = sqlite3.SQLITE_FULL
    way_out = _WAYS_OUT.get(code)
    return DataError(f"{path} cannot be used: {error}{f'; {way_out}' if way_out else ''}.")


def _is_full(folder: Path) -> bool:
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


def _prepare(db: sqlite3.Connection, path: Path, schema: str, version: int) -> None:
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found > version:
        raise DataError(f"{path} was written by a newer Butler; update this one.")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    if found < version:
        db.executescript(f"BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {version}; COMMIT")


def used_bytes(db: sqlite3.Connection) -> int:
    """Return how much of a database's file is in use; the rest is kept for what comes."""
    (pages,), (free,), (size,) = (
        db.execute(f"PRAGMA {name}").fetchone()
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def storable(text: str) -> str:
    """Return ``text`` without what SQLite takes no text with: halves of a surrogate pair."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def insert_rows(
    db: sqlite3.Connection, insert_into: str, rows: Sequence[Sequence[str | float]]
) -> None:
    """Insert rows of one length, many by one statement; ``insert_into`` is all before ``VALUES``.

    At each step of a statement Python lets go of the interpreter and takes it back. Where another
    thread is busy that costs it more than the row does, so ``executemany``, which makes a step for
    each row, slows down everything else. Statements are of powers of two rows, as each one that
    differs is kept by the connection.
    """
    start = 0
    while left := len(rows) - start:
        size = min(ROWS_AT_A_TIME, 1 << left.bit_length() - 1)
        chunk = rows[start : start + size]
        start += size
        places = f"({', '.join('?' * len(chunk[0]))})"
        sql = f"{insert_into} VALUES {', '.join([places] * len(chunk))}"
        values = list(chain.from_iterable(chunk))
        try:
            db.execute(sql, values)
        except UnicodeEncodeError:
            db.execute(sql, [storable(each) if isinstance(each, str) else each for each in values])


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time in: SQLite fails a second switch to WAL without waiting."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of the file in one step, readable by nobody else.

    Raises:
        DataError: It cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from None


@contextmanager
def locked(path: Path, owner: str) -> Iterator[None]:
    """Hold the lock file ``path`` for the time of the block.

    The lock goes with the process, however that ends.

    Args:
        path: The file; it holds the process id of its holder.
        owner: Who would hold it, as in "another daemon".

    Raises:
        DataError: Another process holds it; the text names the process.
    """
    try:
        descriptor = os.open(private_file(path), os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise DataError(
                f"{owner} (process {holder}) is using {path.parent}. End it first, "
                "or give this one its own data_dir."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
