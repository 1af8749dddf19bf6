"""What failed, said in a sentence: sqlite3 and operating system errors as StoreError."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import Final

from butler.sessions.errors import StoreError

_FULL: Final = ("the disk is full", "free some space")
_NOT_A_DATABASE: Final = ("the file is not a database", "move it away or name another")

# By primary result code, https://www.sqlite.org/rescode.html
_SQLITE: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: ("the database is read-only", "make the file and folder writable"),
    sqlite3.SQLITE_BUSY: ("another process keeps the database locked", "find and stop it"),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", "restore a copy or move it away"),
    sqlite3.SQLITE_NOTADB: _NOT_A_DATABASE,
    sqlite3.SQLITE_CANTOPEN: ("the database cannot be opened", "name a file in a writable folder"),
    sqlite3.SQLITE_IOERR: ("the disk cannot be read or written", "check its health and limits"),
    sqlite3.SQLITE_TOOBIG: ("a name or path is too long", "shorten it"),
}


def store_error(path: Path, reason: str, remedy: str) -> StoreError:
    """Return the error that says why sessions cannot be kept in ``path``, and what to do."""
    place = str(path).encode(errors="backslashreplace").decode()
    return StoreError(f"Sessions cannot be kept in {place}: {reason}; {remedy}.", reason)


def not_a_database(path: Path) -> StoreError:
    """Return the error for a file at ``path`` that SQLite did not write."""
    return store_error(path, *_NOT_A_DATABASE)


def from_sqlite(path: Path, error: sqlite3.Error) -> StoreError:
    """Return what ``error`` means for the database at ``path``."""
    # Errors that sqlite3 raises without asking SQLite have no code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    # Without room for the log's index, SQLite calls a full disk an error of reading and writing.
    if code == sqlite3.SQLITE_IOERR and _is_full(path.parent):
        code = sqlite3.SQLITE_FULL
    reason, remedy = _SQLITE.get(code, ("the database failed", f"SQLite says: {error}"))
    return store_error(path, reason, remedy)


def from_os(path: Path, error: OSError) -> StoreError:
    """Return what ``error`` means for creating the database at ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return store_error(path, *_FULL)
    reason = f"the system says {(error.strerror or 'no more').lower()}"
    return store_error(path, reason, "name a file in a writable folder")


def _is_full(folder: Path) -> bool:
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False
