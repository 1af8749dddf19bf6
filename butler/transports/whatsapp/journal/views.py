"""Read-only access to the journal for the daemon, even while a gateway writes."""

import sqlite3
from contextlib import closing
from pathlib import Path

from butler.transports.whatsapp.journal.database import FILE_NAME
from butler.transports.whatsapp.journal.names import KNOWN


def stored_names(folder: Path) -> dict[str, str]:
    """Return the names of the chats of the account in ``folder``; none if they cannot be read.

    A gateway may use the journal meanwhile.
    """
    journal = (folder / FILE_NAME).absolute().as_uri()
    try:
        with closing(sqlite3.connect(f"{journal}?mode=ro", uri=True)) as db:
            return dict(db.execute(KNOWN).fetchall())
    except sqlite3.Error:
        return {}
