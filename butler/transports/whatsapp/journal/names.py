"""The names of chats, as of the last query."""

import time

from butler.transports.whatsapp.journal.inbox import JournalFile

NAMES_SCHEMA = """
CREATE TABLE IF NOT EXISTS names (
    chat_id TEXT PRIMARY KEY,
    name TEXT,
    asked_at REAL NOT NULL
) WITHOUT ROWID;
"""

ASK_AGAIN_S = 24 * 3600.0
MOST_KEPT = 2_000
KNOWN = "SELECT chat_id, name FROM names WHERE name IS NOT NULL"


class Names:
    """The names of the chats that Butler writes to, and the time of the last query of each."""

    def __init__(self, db: JournalFile) -> None:
        self._db = db

    def known(self) -> dict[str, str]:
        """Return the names by chat."""
        return dict(self._db.rows(KNOWN))

    def is_due(self, chat_id: str) -> bool:
        """Return whether a chat's name was not queried within the last day."""
        now = time.time()
        query = "SELECT 1 FROM names WHERE chat_id = ? AND asked_at BETWEEN ? AND ?"
        return not self._db.rows(query, chat_id, now - ASK_AGAIN_S, now)

    def note_asked(self, chat_id: str) -> None:
        """Record a query of a chat's name, before its outcome is known."""
        query = (
            "INSERT INTO names (chat_id, asked_at) VALUES (?, ?) "
            "ON CONFLICT (chat_id) DO UPDATE SET asked_at = excluded.asked_at"
        )
        self._db.change(query, chat_id, time.time())

    def keep(self, chat_id: str, name: str) -> None:
        """Store the name of a chat, after a query."""
        self._db.change("UPDATE names SET name = ? WHERE chat_id = ?", name, chat_id)

    def prune(self) -> None:
        """Delete all but the 2,000 most recently queried chats."""
        query = (
            "DELETE FROM names WHERE chat_id NOT IN "
            "(SELECT chat_id FROM names ORDER BY asked_at DESC LIMIT ?)"
        )
        self._db.change(query, MOST_KEPT)
