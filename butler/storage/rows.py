"""Bulk inserts, and the size of the rows in a database."""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final

Value = str | bytes | float | None

ROWS_AT_A_TIME: Final = 64
"""With up to eight values each, this stays below the 999 variables that an older SQLite takes."""


def insert_rows(db: sqlite3.Connection, insert_into: str, rows: Sequence[Sequence[Value]]) -> None:
    """Insert rows of equal length in bulk; ``insert_into`` is the SQL before ``VALUES``.

    Python releases and reacquires the interpreter lock at each step of a statement. If another
    thread is busy, that costs more than the row itself, so ``executemany``, with a step per row,
    slows down everything else. The number of rows per statement is a power of two, because the
    connection caches every distinct statement.
    """
    start = 0
    while left := len(rows) - start:
        size = min(ROWS_AT_A_TIME, 1 << left.bit_length() - 1)
        chunk = rows[start : start + size]
        start += size
        places = f"({', '.join('?' * len(chunk[0]))})"
        sql = f"{insert_into} VALUES {', '.join([places] * len(chunk))}"
        db.execute(sql, list(chain.from_iterable(chunk)))


def used_bytes(db: sqlite3.Connection) -> int:
    """Return the size of the used pages of a database; free pages are reused by later rows."""
    pages, free, size = (number(db, name) for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * size


def number(db: sqlite3.Connection, pragma: str) -> int:
    """Return the value of an integer pragma of the database."""
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
