"""Checks whether a SQLite file is damaged, for a limited time and without changing it."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from butler.storage.sqlite_errors import from_sqlite, not_a_database, primary_code

LIMIT_S: Final = 2.0
"""Enough for some hundred megabytes on a usual disk."""

_STEPS_BETWEEN_LOOKS: Final = 10_000
_PASSING: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Attributes:
        problem: A lower-case fragment that says what is wrong; empty if nothing was found.
        is_complete: Whether everything was looked at; not if the time was up or another process
            keeps the database locked.
    """

    problem: str = ""
    is_complete: bool = True


def inspected(path: Path, limit_s: float = LIMIT_S) -> Verdict:
    """Look for damage in the database at ``path``; blocks for ``limit_s`` at most.

    Finds broken pages, rows that an index lacks, and index entries without a row. A missing file
    is a problem, too. Never call it for a file that a foreign SQLite library has open in this
    process: closing a descriptor drops all locks that the process has on the file
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    try:
        # SQLite takes a file of one byte for an empty database.
        if path.stat().st_size == 1:
            return Verdict(not_a_database(path).reason)
    except OSError as error:
        return Verdict(f"the file cannot be read ({error.strerror})")
    give_up_at = time.monotonic() + limit_s
    try:
        with closing(_opened(path, limit_s)) as db:
            db.set_progress_handler(lambda: time.monotonic() > give_up_at, _STEPS_BETWEEN_LOOKS)
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(1)")]
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_INTERRUPT or primary_code(error) in _PASSING:
            return Verdict(is_complete=False)
        return Verdict(f"{from_sqlite(path, error).reason} ({error})")
    return Verdict() if found == ["ok"] else Verdict(" ".join(" ".join(found).split()))


def _opened(path: Path, patience_s: float) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=patience_s)
