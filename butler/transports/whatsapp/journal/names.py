"""What chats are called, as it was last asked for."""

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
    """The names of the chats that Butler writes to, and when it last asked for them."""

    def __init__(self, db: JournalFile) -> None:
        self._db = db

    def known(self) -> dict[str, str]:
        """Return the names by chat."""
        return dict(self._db.rows(KNOWN))

    def is_due(self, chat_id: str) -> bool:
        """Return whether it is a day since a chat's name was asked for, if it ever was."""
        now = time.time()
        query = "SELECT 1 FROM names WHERE chat_id = ? AND asked_at BETWEEN ? AND ?"
        return not self._db.rows(query, chat_id, now - ASK_AGAIN_S, now)

    def note_asked(self, chat_id: str) -> None:
        """Note that a chat's name is asked for now, whatever comes of it."""
        query = (
            "INSERT INTO names (chat_id, asked_at) VALUES (?, ?) "
            "ON CONFLICT (chat_id) DO UPDATE SET asked_at = excluded.asked_at"
        )
        self._db.change(query, chat_id, time.time())

    def keep(self, chat_id: str, name: str) -> None:
        """Keep the name of a chat that was asked for."""
        self._db.change("UPDATE names SET name = ? WHERE chat_id = ?", name, chat_id)

    def prune(self) -> None:
        """Forget all but the 2,000 chats asked for last."""
        query = (
            "DELETE FROM names WHERE chat_id NOT IN "
            "(SELECT chat_id FROM names ORDER BY asked_at DESC LIMIT ?)"
        )
        self._db.change(query, MOST_KEPT)
