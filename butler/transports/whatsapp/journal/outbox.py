"""What was asked to be sent, and was: one entry a reply, so that none is lost or sent twice."""

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
"""A reply that nobody asks for any more, as its daemon was ended, is of use for so long."""

_KEY_OF_A_TURN = "[0-9]*.[0-9]*"
_STEP_S = 1e-5
"""Between the times of two parts, which are their order."""

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

    def __init__(self, db: JournalFile) -> None:
        self._db = db

    def recover(self) -> int:
        """Mark what a killed process was sending as unknown; return how many there are.

        Of what waits, only young replies of turns stay: those are not repeated.
        """
        query = "DELETE FROM outbox WHERE state = 'asked' AND (time < ? OR key NOT GLOB ?)"
        self._db.change(query, time.time() - KEEP_S, _KEY_OF_A_TURN)
        query = (
            "UPDATE outbox SET state = 'unknown', reason = ?, request = NULL "
            "WHERE state = 'sending'"
        )
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

    def ask(self, chat: str, requests: Iterable[tuple[str, bytes]]) -> None:
        """Keep replies that are to be sent, by their keys: all of them or, if it fails, none.

        One that is there stays, unless sending it failed.
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
        """Return the replies that wait to be sent, with their keys, in order."""
        query = (
            "SELECT key, request FROM outbox "
            "WHERE state = 'asked' AND request IS NOT NULL ORDER BY time"
        )
        return self._db.rows(query)

    def drop(self, key: str) -> None:
        """Forget a reply that nobody waits for, unless its sending has begun."""
        self._db.change("DELETE FROM outbox WHERE key = ? AND state = 'asked'", key)

    def begin(self, key: str, chat: str) -> None:
        """Note that a reply is about to be sent."""
        query = (
            "INSERT INTO outbox (key, chat, state, time) VALUES (?, ?, 'sending', ?) "
            "ON CONFLICT (key) DO UPDATE SET state = 'sending'"
        )
        self._db.change(query, key, chat, time.time())

    def wait_on(self, key: str) -> None:
        """Note that nothing of it left this machine, so that it waits as before."""
        self._db.change("UPDATE outbox SET state = 'asked' WHERE key = ?", key)

    def sent(self, key: str, message_id: str) -> None:
        """Note that WhatsApp took it."""
        query = (
            "UPDATE outbox SET state = 'sent', message_id = ?, request = NULL, time = ? "
            "WHERE key = ?"
        )
        self._db.change(query, message_id, time.time(), key)

    def failed(self, key: str, reason: str) -> None:
        """Note that WhatsApp did not take it; it may be sent again."""
        self._settle(key, "failed", reason)

    def has_failed(self, key: str) -> bool:
        """Return whether WhatsApp did not take it."""
        query = "SELECT 1 FROM outbox WHERE key = ? AND state = 'failed'"
        return bool(self._db.rows(query, key))

    def unknown(self, key: str, reason: str) -> None:
        """Note that nobody can say whether it was sent; it is never sent again."""
        self._settle(key, "unknown", reason)

    def prune(self, before: float) -> None:
        """Forget what is older."""
        self._db.change("DELETE FROM outbox WHERE time < ?", before)

    def _settle(self, key: str, state: str, reason: str) -> None:
        query = "UPDATE outbox SET state = ?, reason = ?, request = NULL WHERE key = ?"
        self._db.change(query, state, reason, key)
