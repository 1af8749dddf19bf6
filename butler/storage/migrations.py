"""Migrate a SQLite file to the newest schema, in WAL mode."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Final

from butler.storage.rows import number
from butler.storage.sqlite_errors import primary_code

Migration = str | Callable[[sqlite3.Connection], None]
"""A script of SQL statements, or a function if the change depends on the content."""


CHECK_LIMIT_S: Final = 1.0
"""Of the check for damage at each opening; the rest of a large file is not checked."""

_STEPS_BETWEEN_LOOKS: Final = 10_000
_RETRY_AFTER_S: Final = 0.005
_ANY_TABLE: Final = "SELECT 1 FROM sqlite_master LIMIT 1"


class RefusedError(Exception):
    """The file is refused and unchanged; ``reason`` says why, ``remedy`` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy


def bring_up_to_date(
    db: sqlite3.Connection,
    migrations: Sequence[Migration],
    application_id: int,
    patience_s: float,
    *,
    is_checked: bool,
    schema: str = "",
) -> None:
    """Migrate the database to the newest schema, in WAL mode; then run ``schema``.

    Processes that open the same new file wait for each other. A database of another program, or of
    a newer version, is not changed.
    """
    # A transaction, so that all checks see the same state; nothing is written yet.
    db.execute("BEGIN")
    _refuse_foreign(db, len(migrations), application_id)
    if is_checked:
        _refuse_damaged(db)
    db.execute("COMMIT")
    if _switch_to_wal(db, patience_s) != "wal":
        raise RefusedError("its file system does not support WAL", "choose a local disk")
    db.execute("BEGIN EXCLUSIVE")
    _refuse_foreign(db, len(migrations), application_id)
    _migrate(db, migrations, application_id)
    run_script(db, schema)
    db.execute("COMMIT")
    _try_to_write(db)


def _refuse_foreign(db: sqlite3.Connection, newest: int, application_id: int) -> None:
    found_id, version = number(db, "application_id"), number(db, "user_version")
    is_new = not found_id and not version and not db.execute(_ANY_TABLE).fetchall()
    if found_id != application_id and not is_new:
        raise RefusedError("it belongs to another program", "name another file")
    if version > newest:
        raise RefusedError("it was written by a newer Butler", "update this one")


def _migrate(db: sqlite3.Connection, migrations: Sequence[Migration], application_id: int) -> None:
    for version, migration in list(enumerate(migrations, 1))[number(db, "user_version") :]:
        if isinstance(migration, str):
            run_script(db, migration)
        else:
            migration(db)
        db.execute(f"PRAGMA application_id = {application_id}")
        db.execute(f"PRAGMA user_version = {version}")


def run_script(db: sqlite3.Connection, script: str) -> None:
    """Run statements within the open transaction; ``executescript`` would commit it."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


def _refuse_damaged(db: sqlite3.Connection) -> None:
    """Look for damage, also of indexes, for a limited time."""
    give_up_at = time.monotonic() + CHECK_LIMIT_S
    db.set_progress_handler(lambda: time.monotonic() > give_up_at, _STEPS_BETWEEN_LOOKS)
    try:
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_INTERRUPT:
            return
        raise
    finally:
        db.set_progress_handler(None, 0)
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _try_to_write(db: sqlite3.Connection) -> None:
    """Fail here rather than at the first command; BEGIN succeeds on a read-only database."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE attempt (column_of_it)")
    db.execute("ROLLBACK")


def _switch_to_wal(db: sqlite3.Connection, patience_s: float) -> str:
    """Switch to WAL mode and return the resulting journal mode.

    Retries by itself: SQLite fails this switch at once if another connection is making it, despite
    the busy timeout (https://www.sqlite.org/c3ref/busy_handler.html).
    """
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            return str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
        time.sleep(_RETRY_AFTER_S)
