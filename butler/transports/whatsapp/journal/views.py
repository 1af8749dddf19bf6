"""The journal as the daemon's side sees it: read-only, also while a gateway writes."""

import sqlite3
from contextlib import closing
from pathlib import Path

from butler.transports.whatsapp.journal.database import FILE_NAME
from butler.transports.whatsapp.journal.names import KNOWN


def stored_names(folder: Path) -> dict[str, str]:
    """Return what the chats of the account in ``folder`` are called; none if they cannot be read.

    A gateway may use the journal meanwhile.
    """
    journal = (folder / FILE_NAME).absolute().as_uri()
    try:
        with closing(sqlite3.connect(f"{journal}?mode=ro", uri=True)) as db:
            return dict(db.execute(KNOWN).fetchall())
    except sqlite3.Error:
        return {}
