"""Chats that cannot be written to for now: WhatsApp did not answer in time when it was tried."""

import time

from butler.transports.whatsapp.journal.inbox import JournalFile

SET_ASIDE_SCHEMA = """
CREATE TABLE set_aside (
    chat_id TEXT PRIMARY KEY,
    until REAL NOT NULL,
    wait_s REAL NOT NULL
) WITHOUT ROWID;
"""

FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 900.0
LATELY_S = 60.0


class SetAside:
    """The chats with the time of the next attempt; they outlive the gateway.

    A stuck attempt may end the gateway, and the next one must not begin with the same chat.
    """

    def __init__(self, db: JournalFile) -> None:
        self._db = db
        found = db.rows("SELECT chat_id, until, wait_s FROM set_aside")
        self._chats: dict[str, tuple[float, float]] = {
            chat_id: (until, wait_s) for chat_id, until, wait_s in found
        }

    @property
    def chats(self) -> tuple[str, ...]:
        """All of them, also those whose next attempt is due."""
        return tuple(self._chats)

    def has_lately_added(self) -> bool:
        """Return whether one was set aside within the last minute."""
        now = time.time()
        return any(abs(now - until + wait_s) < LATELY_S for until, wait_s in self._chats.values())

    def wait_s(self, chat_id: str) -> float:
        """Return the seconds until this chat may be tried; 0 if it may be now."""
        if chat_id not in self._chats:
            return 0.0
        until, wait_s = self._chats[chat_id]
        left_s = until - time.time()
        # More than was ever set: the clock was put back.
        return max(0.0, left_s) if left_s <= wait_s else 0.0

    def add(self, chat_id: str) -> None:
        """Set a chat aside after an attempt; each time for twice as long."""
        _until, waited_s = self._chats.get(chat_id, (0.0, FIRST_WAIT_S / 2))
        wait_s = min(waited_s * 2, LONGEST_WAIT_S)
        until = time.time() + wait_s
        self._db.change("INSERT OR REPLACE INTO set_aside VALUES (?, ?, ?)", chat_id, until, wait_s)
        self._chats[chat_id] = until, wait_s

    def remove(self, chat_id: str) -> bool:
        """Forget a chat that was written to; return whether it had been set aside."""
        if chat_id not in self._chats:
            return False
        self._db.change("DELETE FROM set_aside WHERE chat_id = ?", chat_id)
        del self._chats[chat_id]
        return True
