"""The schema of the sessions database, and how an older one becomes the newest.

``PRAGMA user_version`` is the number of migrations applied; ``PRAGMA application_id`` tells the
database from those of other programs. A migration that was released is never changed; a new one is
appended. See https://www.sqlite.org/pragma.html
"""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from butler.sessions.faults import store_error

Migration = Sequence[str]
"""SQL statements. Not one script: ``executescript`` would commit before its first statement."""

APPLICATION_ID: Final = int.from_bytes(b"Butl", "big")

# No index on last_command_time: with 1,000,000 sessions it saves 80 ms on a list of the recent ones
# and doubles what every command pays for its write (measured: 16 to 34 µs).
MIGRATIONS: Final[Sequence[Migration]] = (
    (
        """
        CREATE TABLE sessions (
            chat_id TEXT NOT NULL PRIMARY KEY,
            active_repo TEXT,
            active_repo_path TEXT,
            last_command_time REAL NOT NULL
        ) WITHOUT ROWID
        """,
    ),
)

_ANY_TABLE: Final = "SELECT 1 FROM sqlite_master LIMIT 1"
_RETRY_AFTER_S: Final = 0.005


def prepare(
    db: sqlite3.Connection, path: Path, migrations: Sequence[Migration], *, patience_s: float
) -> None:
    """Bring the database to the newest schema, in WAL mode.

    Processes that open one new file at once wait for each other. A database that is not ours, or
    newer than we are, is left as it is.

    Raises:
        StoreError: It is not ours or too new, or its file system has no shared memory for WAL.
        sqlite3.Error: Anything else.
    """
    # In a transaction, so that all it looks at is of one moment; nothing is written yet.
    db.execute("BEGIN")
    _refuse_foreign(db, path, len(migrations))
    db.execute("COMMIT")
    if _switch_to_wal(db, patience_s) != "wal":
        raise store_error(path, "its file system is not fit for it", "choose a local disk")
    db.execute("BEGIN EXCLUSIVE")
    _refuse_foreign(db, path, len(migrations))
    _migrate(db, migrations)
    db.execute("COMMIT")
    _try_to_write(db)


def _try_to_write(db: sqlite3.Connection) -> None:
    """Fail here rather than at somebody's first command; on a read-only database BEGIN does not."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE attempt (column_of_it)")
    db.execute("ROLLBACK")


def _refuse_foreign(db: sqlite3.Connection, path: Path, newest: int) -> None:
    application_id, version = _number(db, "application_id"), _number(db, "user_version")
    is_new = not application_id and not version and not db.execute(_ANY_TABLE).fetchall()
    if application_id != APPLICATION_ID and not is_new:
        raise store_error(path, "it belongs to another program", "name another file")
    if version > newest:
        raise store_error(path, "it was written by a newer Butler", "update this one")


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])


def _switch_to_wal(db: sqlite3.Connection, patience_s: float) -> str:
    """Switch to WAL mode and return the mode the database is in then.

    Waits for other connections by itself: SQLite fails this switch at once if another connection
    is at it, whatever the busy timeout (https://www.sqlite.org/c3ref/busy_handler.html).
    """
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            return str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
        time.sleep(_RETRY_AFTER_S)


def _migrate(db: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    for version, migration in list(enumerate(migrations, 1))[_number(db, "user_version") :]:
        for statement in migration:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {version}")
