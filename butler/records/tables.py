"""The tables of the records."""

from butler.storage.connection import Connection
from butler.storage.rows import used_bytes

MIGRATIONS = (
    """
    CREATE TABLE ignored (
        time REAL NOT NULL,
        chat_id TEXT NOT NULL,
        sender TEXT NOT NULL,
        message_id TEXT NOT NULL,
        rule TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX ignored_by_time ON ignored (time);
    CREATE TABLE audit (
        time REAL NOT NULL,
        chat_id TEXT NOT NULL,
        sender TEXT NOT NULL,
        message_id TEXT NOT NULL,
        command TEXT NOT NULL,
        repo TEXT NOT NULL,
        result TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX audit_by_time ON audit (time);
    """,
    "CREATE TABLE link (time REAL NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL)",
)
_OLDEST = """
SELECT min(time) FROM (SELECT min(time) AS time FROM ignored UNION ALL SELECT min(time) FROM audit)
"""
_THIN_OUT = """
DELETE FROM {table} WHERE rowid <= (
    SELECT min(rowid) + (max(rowid) - min(rowid)) / 20 FROM {table}
)
"""


def oldest(db: Connection) -> float | None:
    """Return the time of the oldest row; None if there is none."""
    (found,) = db.execute(_OLDEST).fetchone()
    return None if found is None else float(found)


def delete_before(db: Connection, time_s: float) -> int:
    """Delete what is older; return the number of rows."""
    db.execute("DELETE FROM link WHERE time < ?", (time_s,))
    ignored = db.execute("DELETE FROM ignored WHERE time < ?", (time_s,)).rowcount
    return ignored + db.execute("DELETE FROM audit WHERE time < ?", (time_s,)).rowcount


def thin_out(db: Connection, most_bytes: float) -> None:
    """Delete the oldest rows of the larger table until no more than this is used.

    So a flood of ignored messages does not displace the audit.
    """
    while used_bytes(db) > most_bytes:
        table = max("ignored", "audit", key=lambda each: _length(db, each))
        if not db.execute(_THIN_OUT.format(table=table)).rowcount:
            break


def _length(db: Connection, table: str) -> int:
    """Return the approximate number of rows of a table, without counting them."""
    query = f"SELECT coalesce(max(rowid) - min(rowid) + 1, 0) FROM {table}"  # noqa: S608 - a constant
    return int(db.execute(query).fetchone()[0])
