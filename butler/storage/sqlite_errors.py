"""Errors of SQLite and the system, as one sentence with the way out."""

import errno
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FULL: Final = ("the disk is full", "free some space")
_NOT_A_DATABASE: Final = ("the file is not a database", "move it away or name another")
_CANNOT_OPEN: Final = "name a file in a writable folder"

# By primary result code, https://www.sqlite.org/rescode.html
_SQLITE: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: ("the database is read-only", "make the file and folder writable"),
    sqlite3.SQLITE_BUSY: ("another process keeps the database locked", "find and stop it"),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", "restore a copy or move it away"),
    sqlite3.SQLITE_NOTADB: _NOT_A_DATABASE,
    sqlite3.SQLITE_CANTOPEN: ("the database cannot be opened", _CANNOT_OPEN),
    sqlite3.SQLITE_IOERR: ("the disk cannot be read or written", "check its health and limits"),
    sqlite3.SQLITE_TOOBIG: ("a text is too long", "shorten it"),
}
_LASTING: Final = frozenset(
    {
        *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
        sqlite3.SQLITE_CANTOPEN,
    }
)
_OF_THE_FILE: Final = _SQLITE.keys() - {sqlite3.SQLITE_TOOBIG}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a database cannot be used; as text, one sentence for the operator.

    Attributes:
        path: The file.
        reason: What is wrong: a lower-case fragment without any path, fit for a chat.
        remedy: What to do, in the imperative.
        error: The exception; None if a check found the problem.
    """

    path: Path
    reason: str
    remedy: str
    error: Exception | None = None

    @property
    def may_pass(self) -> bool:
        """Whether a retry may succeed, as when the disk is full."""
        return isinstance(self.error, sqlite3.OperationalError)

    @property
    def is_lasting(self) -> bool:
        """Whether only a person can mend it, as where the file is damaged."""
        if isinstance(self.error, sqlite3.Error):
            return primary_code(self.error) in _LASTING
        return not isinstance(self.error, OSError)

    @property
    def place(self) -> str:
        """The path as printable text that UTF-8 can encode."""
        return str(self.path).encode(errors="backslashreplace").decode()

    def __str__(self) -> str:
        return f"{self.place} cannot be used: {self.reason}; {self.remedy}."


def from_sqlite(path: Path, error: sqlite3.Error) -> Failure:
    """Return the failure that ``error`` of SQLite means for the database at ``path``."""
    code = primary_code(error)
    # Without space for the log's index, SQLite reports a full disk as an I/O error.
    if code == sqlite3.SQLITE_IOERR and _is_full(path.parent):
        code = sqlite3.SQLITE_FULL
    reason, remedy = _SQLITE.get(code, ("the database failed", f"SQLite says: {error}"))
    return Failure(path, reason, remedy, error)


def from_os(path: Path, error: OSError) -> Failure:
    """Return the failure that ``error`` means for creating the database at ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure(path, *_FULL, error)
    reason = f"the system says {(error.strerror or 'no more').lower()}"
    return Failure(path, reason, _CANNOT_OPEN, error)


def not_a_database(path: Path) -> Failure:
    """Return the failure for a file at ``path`` that is not a SQLite database."""
    return Failure(path, *_NOT_A_DATABASE)


def is_of_the_file(error: sqlite3.Error) -> bool:
    """Return whether the file failed, rather than a statement or a constraint."""
    return primary_code(error) in _OF_THE_FILE


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, without its extension.

    Errors that sqlite3 raises by itself have no code.
    """
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _is_full(folder: Path) -> bool:
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False
