"""Read-only access to the journal for the daemon, even while a gateway writes."""

import sqlite3
from contextlib import closing
from pathlib import Path

from butler.storage.rows import Value
from butler.storage.sqlite import Row
from butler.transports.whatsapp.journal.database import FILE_NAME
from butler.transports.whatsapp.journal.names import KNOWN

_ANSWER_TIMES = """
SELECT inbox.time, outbox.time - inbox.time FROM inbox JOIN outbox ON outbox.key = inbox.row || '.1'
WHERE outbox.state = 'sent' AND inbox.time > ?
"""


def stored_names(folder: Path) -> dict[str, str]:
    """Return the names of the chats of the account in ``folder``; none if they cannot be read."""
    return dict(_rows(folder, KNOWN))


def answer_times(folder: Path, since: float) -> list[tuple[float, float]]:
    """Return when messages came since then (Unix seconds), and after how long an answer left.

    Empty if there is no journal, or it cannot be read.
    """
    return _rows(folder, _ANSWER_TIMES, since)


def _rows(folder: Path, query: str, *values: Value) -> list[Row]:
    journal = (folder / FILE_NAME).absolute().as_uri()
    try:
        with closing(sqlite3.connect(f"{journal}?mode=ro", uri=True)) as db:
            return db.execute(query, values).fetchall()
    except sqlite3.Error:
        return []
