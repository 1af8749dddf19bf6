"""The outbox: one entry per reply, so that none is lost or sent twice."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from butler.transports.whatsapp.journal.inbox import JournalFile

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

KEEP_S = 600.0
"""How long a reply is still worth sending after its daemon ended."""

_KEY_OF_A_TURN = "[0-9]*.[0-9]*"
_STEP_S = 1e-5
"""The difference between the times of two parts of a reply, which set their order."""

CUT_SHORT = "the gateway ended while it was being sent"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a reply.

    Attributes:
        message_id: Its id on WhatsApp if it was sent; None if the outcome is unknown.
        reason: Why the outcome is unknown.
    """

    message_id: str | None
    reason: str = ""


class Outbox:
    """The replies that are queued, sent, or of unknown outcome."""

    def __init__(self, db: JournalFile) -> None:
        self._db = db

    def recover(self) -> int:
        """Mark replies that a killed process was sending as unknown; return their number.

        Deletes queued replies, except recent ones of turns, because turns are not repeated.
        """
        query = "DELETE FROM outbox WHERE state = 'asked' AND (time < ? OR key NOT GLOB ?)"
        self._db.change(query, time.time() - KEEP_S, _KEY_OF_A_TURN)
        query = (
            "UPDATE outbox SET state = 'unknown', reason = ?, request = NULL "
            "WHERE state = 'sending'"
        )
        return self._db.change(query, CUT_SHORT)

    def outcome(self, key: str) -> Outcome | None:
        """Return the outcome of a reply; None if it may be sent."""
        query = (
            "SELECT message_id, reason FROM outbox WHERE key = ? AND state IN ('sent', 'unknown')"
        )
        found = self._db.rows(query, key)
        return Outcome(*found[0]) if found else None

    def has(self, message_id: str) -> bool:
        """Return whether this is the id of a sent reply."""
        return bool(self._db.rows("SELECT 1 FROM outbox WHERE message_id = ?", message_id))

    def ask(self, chat: str, requests: Iterable[tuple[str, bytes]]) -> None:
        """Queue replies by their keys: all of them or, on failure, none.

        An existing entry is kept, unless sending it failed.
        """
        now = time.time()
        values: list[str | bytes | float] = []
        for place, (key, request) in enumerate(requests):
            values += (key, chat, request, now + place * _STEP_S)
        rows = ", ".join(["(?, ?, 'asked', ?, ?)"] * (len(values) // 4))
        query = (
            f"INSERT INTO outbox (key, chat, state, request, time) VALUES {rows} "  # noqa: S608 - constants
            "ON CONFLICT (key) DO UPDATE SET state = 'asked', request = excluded.request, "
            "time = excluded.time WHERE state = 'failed'"
        )
        self._db.change(query, *values)

    def waiting(self) -> list[tuple[str, bytes]]:
        """Return the queued replies with their keys, in order."""
        query = (
            "SELECT key, request FROM outbox "
            "WHERE state = 'asked' AND request IS NOT NULL ORDER BY time"
        )
        return self._db.rows(query)

    def drop(self, key: str) -> None:
        """Delete a reply that is no longer wanted, unless its sending has begun."""
        self._db.change("DELETE FROM outbox WHERE key = ? AND state = 'asked'", key)

    def begin(self, key: str, chat: str) -> None:
        """Mark a reply as being sent."""
        query = (
            "INSERT INTO outbox (key, chat, state, time) VALUES (?, ?, 'sending', ?) "
            "ON CONFLICT (key) DO UPDATE SET state = 'sending'"
        )
        self._db.change(query, key, chat, time.time())

    def begin_new(self, key: str, chat: str) -> bool:
        """Add a reply that is being sent; return False, and change nothing, if the key is known."""
        query = (
            "INSERT INTO outbox (key, chat, state, time) VALUES (?, ?, 'sending', ?) "
            "ON CONFLICT (key) DO NOTHING"
        )
        return self._db.change(query, key, chat, time.time()) == 1

    def wait_on(self, key: str, request: bytes) -> None:
        """Mark a reply as queued again, because nothing of it left this machine."""
        query = "UPDATE outbox SET state = 'asked', request = ? WHERE key = ?"
        self._db.change(query, request, key)

    def sent(self, key: str, message_id: str) -> None:
        """Mark a reply as sent."""
        query = (
            "UPDATE outbox SET state = 'sent', message_id = ?, request = NULL, time = ? "
            "WHERE key = ?"
        )
        self._db.change(query, message_id, time.time(), key)

    def failed(self, key: str, reason: str) -> None:
        """Mark a reply as rejected by WhatsApp; it may be sent again."""
        self._settle(key, "failed", reason)

    def has_failed(self, key: str) -> bool:
        """Return whether WhatsApp rejected the reply."""
        query = "SELECT 1 FROM outbox WHERE key = ? AND state = 'failed'"
        return bool(self._db.rows(query, key))

    def unknown(self, key: str, reason: str) -> None:
        """Mark the outcome of a reply as unknown; it is never sent again."""
        self._settle(key, "unknown", reason)

    def prune(self, before: float) -> None:
        """Delete entries from before that time."""
        self._db.change("DELETE FROM outbox WHERE time < ?", before)

    def _settle(self, key: str, state: str, reason: str) -> None:
        query = "UPDATE outbox SET state = ?, reason = ?, request = NULL WHERE key = ?"
        self._db.change(query, state, reason, key)
