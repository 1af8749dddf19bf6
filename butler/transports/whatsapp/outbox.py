"""What was asked to be sent, and was: one entry a reply, so that none is lost or sent twice."""

import time
from dataclasses import dataclass

from butler.transports.whatsapp.inbox import Database

OUTBOX_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    key TEXT PRIMARY KEY,
    chat TEXT NOT NULL,
    state TEXT NOT NULL,
    message_id TEXT,
    reason TEXT NOT NULL DEFAULT '',
    time REAL NOT NULL,
    request BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_time ON outbox (time);
CREATE INDEX IF NOT EXISTS outbox_ids ON outbox (message_id) WHERE message_id IS NOT NULL;
"""

OUTBOX_CHANGES = {"request": "ALTER TABLE outbox ADD COLUMN request BLOB"}
"""What gives an older file a column that it lacks."""

KEEP_S = 600.0
"""A reply that nobody asks for any more, as its daemon was ended, is of use for so long."""

_KEY_OF_A_TURN = "[0-9]*.[0-9]*"

CUT_SHORT = "the gateway ended while it was being sent"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a reply.

    Attributes:
        message_id: Its id on WhatsApp if it was sent; None if nobody can say.
        reason: Why nobody can say.
    """

    message_id: str | None
    reason: str = ""


class Outbox:
    """The replies that wait, those that were sent, and those of which that cannot be said."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def recover(self) -> int:
        """Mark what a killed process was sending as unknown; return how many there are.

        Of what waits, only young replies of turns stay: those are not repeated.
        """
        query = "DELETE FROM outbox WHERE state = 'asked' AND (time < ? OR key NOT GLOB ?)"
        self._db.change(query, time.time() - KEEP_S, _KEY_OF_A_TURN)
        query = "UPDATE outbox SET state = 'unknown', reason = ? WHERE state = 'sending'"
        return self._db.change(query, CUT_SHORT)

    def outcome(self, key: str) -> Outcome | None:
        """Return what became of a reply; None if it may be sent."""
        query = (
            "SELECT message_id, reason FROM outbox WHERE key = ? AND state IN ('sent', 'unknown')"
        )
        found = self._db.rows(query, key)
        return Outcome(*found[0]) if found else None

    def has(self, message_id: str) -> bool:
        """Return whether this id is that of a reply."""
        return bool(self._db.rows("SELECT 1 FROM outbox WHERE message_id = ?", message_id))

    def ask(self, key: str, chat: str, request: bytes) -> None:
        """Keep a reply that is to be sent; one that is there stays, unless sending it failed."""
        query = (
            "INSERT INTO outbox (key, chat, state, request, time) VALUES (?, ?, 'asked', ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET state = 'asked', request = excluded.request, "
            "time = excluded.time WHERE state = 'failed'"
        )
        self._db.change(query, key, chat, request, time.time())

    def waiting(self) -> list[tuple[str, bytes]]:
        """Return the replies that wait to be sent, with their keys, in order."""
        query = "SELECT key, request FROM outbox WHERE state = 'asked' ORDER BY time"
        return self._db.rows(query)

    def drop(self, key: str) -> None:
        """Forget a reply that nobody waits for, unless its sending has begun."""
        self._db.change("DELETE FROM outbox WHERE key = ? AND state = 'asked'", key)

    def begin(self, key: str, chat: str) -> None:
        """Note that a reply is about to be sent."""
        query = "INSERT OR REPLACE INTO outbox (key, chat, state, time) VALUES (?, ?, 'sending', ?)"
        self._db.change(query, key, chat, time.time())

    def sent(self, key: str, message_id: str) -> None:
        """Note that WhatsApp took it."""
        query = "UPDATE outbox SET state = 'sent', message_id = ? WHERE key = ?"
        self._db.change(query, message_id, key)

    def failed(self, key: str, reason: str) -> None:
        """Note that WhatsApp did not take it; it may be sent again."""
        self._db.change("UPDATE outbox SET state = 'failed', reason = ? WHERE key = ?", reason, key)

    def unknown(self, key: str, reason: str) -> None:
        """Note that nobody can say whether it was sent; it is never sent again."""
        query = "UPDATE outbox SET state = 'unknown', reason = ? WHERE key = ?"
        self._db.change(query, reason, key)

    def prune(self, before: float) -> None:
        """Forget what is older."""
        self._db.change("DELETE FROM outbox WHERE time < ?", before)
