"""Many rows at a time, and how much room they take."""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final

Value = str | bytes | float | None

ROWS_AT_A_TIME: Final = 64
"""Of up to eight values each, so no more than the 999 that an older SQLite takes."""


def insert_rows(db: sqlite3.Connection, insert_into: str, rows: Sequence[Sequence[Value]]) -> None:
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
        db.execute(sql, list(chain.from_iterable(chunk)))


def used_bytes(db: sqlite3.Connection) -> int:
    """Return how much of a database's file is in use; the rest is kept for what comes."""
    pages, free, size = (number(db, name) for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * size


def number(db: sqlite3.Connection, pragma: str) -> int:
    """Return the whole number that a pragma of the database is."""
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
