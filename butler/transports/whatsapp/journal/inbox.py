"""The inbox: every received event, until its turn is over."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from butler.chat.message import trace_of
from butler.storage.rows import Value
from butler.storage.sqlite import Row

# No AUTOINCREMENT and no index on the time: each would write one more page for each message. The
# last row is never deleted, so row numbers are not reused.
INBOX_SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox (
    row INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL,
    chat TEXT NOT NULL,
    sender TEXT NOT NULL,
    author TEXT NOT NULL,
    edits TEXT,
    event BLOB,
    state TEXT NOT NULL,
    time REAL NOT NULL,
    UNIQUE (message_id, chat, sender)
);
CREATE INDEX IF NOT EXISTS inbox_open ON inbox (row) WHERE state IN ('received', 'handed');
CREATE INDEX IF NOT EXISTS inbox_edits ON inbox (edits) WHERE edits IS NOT NULL;
DROP INDEX IF EXISTS inbox_time;
"""


EDITABLE_S = 1_200.0
"""WhatsApp accepts no edits of older messages (WhatsApp Web; phones allow 15 minutes)."""

_IS_LISTED = "row IN (SELECT value FROM json_each(?))"


class JournalFile(Protocol):
    """The journal's database."""

    def change(self, query: str, *values: Value) -> int:
        """Run one statement; return the number of changed rows."""
        ...

    def insert(self, query: str, *values: Value) -> int | None:
        """Insert one row; return its number, None if it was left out."""
        ...

    def rows(self, query: str, *values: Value) -> list[Row]:
        """Return the rows that a query selects."""
        ...


class State(StrEnum):
    """The state of a message: received, handed to the daemon, done, or broken and set aside.

    A message without effect is kept for a while, because an edit of it counts as new.
    """

    RECEIVED = "received"
    HANDED = "handed"
    WITHOUT_EFFECT = "without effect"
    DONE = "done"
    BROKEN = "broken"


class Key(NamedTuple):
    """The key of a message for deduplication: id, chat and sender, without the device."""

    message_id: str
    chat: str
    sender: str

    @property
    def chat_id(self) -> str:
        """The chat, as logs ask for it."""
        return self.chat

    @property
    def trace(self) -> str:
        """The id of the message in logs."""
        return trace_of(self.chat, self.message_id)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in the inbox."""

    row: int
    key: Key
    event: bytes
    state: State = State.RECEIVED


class Inbox:
    """The received events, in order."""

    def __init__(self, db: JournalFile) -> None:
        self._db = db

    def add(
        self,
        key: Key,
        event: bytes,
        *,
        author: str = "",
        edits: str | None = None,
        state: State = State.RECEIVED,
    ) -> int | None:
        """Store an event; return its row, None if it is a duplicate.

        Args:
            key: The key of the message.
            event: The event as received.
            author: The sender's address as received, without the device.
            edits: The id of the message that it changes.
            state: Its state.
        """
        query = (
            "INSERT OR IGNORE INTO inbox "
            "(message_id, chat, sender, author, edits, event, state, time) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        values = (*key, author, edits, event, state, time.time())
        return self._db.insert(query, *values)

    def open(self, after: int, limit: int) -> list[Entry]:
        """Return the next unfinished entries after row ``after``."""
        query = (
            "SELECT row, message_id, chat, sender, event FROM inbox "
            "WHERE state IN ('received', 'handed') AND row > ? ORDER BY row LIMIT ?"
        )
        found = self._db.rows(query, after, limit)
        return [Entry(row, Key(*key), event) for row, *key, event in found]

    def changes_of(self, keys: Sequence[Key]) -> dict[Key, list[Entry]]:
        """Return the unfinished edits and deletions of these messages, in order."""
        query = (
            "SELECT edits, row, message_id, chat, sender, event FROM inbox "
            "WHERE edits IN (SELECT value FROM json_each(?)) "
            "AND state IN ('received', 'handed') ORDER BY row"
        )
        ids = json.dumps([key.message_id for key in keys])
        changes: dict[Key, list[Entry]] = {}
        for edits, row, *key, event in self._db.rows(query, ids):
            entry = Entry(row, Key(*key), event)
            changes.setdefault(entry.key._replace(message_id=edits), []).append(entry)
        return changes

    def kept(self, key: Key) -> Entry | None:
        """Return a message whose event is still stored; None if it is done or unknown.

        The event is stored while the message is received, handed, or without effect.
        """
        query = (
            "SELECT row, event, state FROM inbox WHERE message_id = ? AND chat = ? AND sender = ? "
            "AND state IN ('received', 'handed', 'without effect')"
        )
        found = self._db.rows(query, *key)
        return Entry(found[0][0], key, found[0][1], State(found[0][2])) if found else None

    def event(self, row: int) -> bytes | None:
        """Return the event in a row; None if its message is done."""
        found = self._db.rows("SELECT event FROM inbox WHERE row = ?", row)
        return found[0][0] if found else None

    def replace(self, row: int, event: bytes) -> None:
        """Replace the event of a row."""
        self._db.change("UPDATE inbox SET event = ? WHERE row = ?", event, row)

    def reopen(self, row: int, event: bytes) -> None:
        """Queue a message again, as the last one, with another event."""
        query = (
            "UPDATE inbox SET row = (SELECT max(row) + 1 FROM inbox), event = ?, "
            "state = 'received' WHERE row = ?"
        )
        self._db.change(query, event, row)

    def hand(self, rows: Iterable[int]) -> None:
        """Mark these as handed, before the daemon gets them."""
        self._mark(rows, "state = 'handed'", "state = 'received'")

    def finish(self, rows: Iterable[int]) -> None:
        """Mark these as done; only the keys are kept."""
        self._mark(rows, "state = 'done', event = NULL")

    def finish_without_effect(self, rows: Iterable[int]) -> None:
        """Mark these as done without effect."""
        self._mark(rows, "state = 'without effect'")

    def set_aside(self, row: int) -> None:
        """Set aside an unreadable entry, which is never handed out."""
        self._mark([row], "state = 'broken'")

    def has(self, key: Key) -> bool:
        """Return whether this message was received."""
        query = "SELECT 1 FROM inbox WHERE message_id = ? AND chat = ? AND sender = ?"
        return bool(self._db.rows(query, *key))

    def author(self, message_id: str, chat: str) -> str | None:
        """Return the address of a message's sender as it was received."""
        query = (
            "SELECT author FROM inbox WHERE message_id = ? AND author <> '' "
            "ORDER BY chat = ? DESC LIMIT 1"
        )
        found = self._db.rows(query, message_id, chat)
        return found[0][0] if found else None

    def prune(self, before: float) -> None:
        """Delete what is over of the messages received before that time, except the last message.

        A message without effect counts as finished once it can no longer be edited.
        """
        self._db.change(
            "UPDATE inbox SET state = 'done', event = NULL "
            "WHERE state = 'without effect' AND time < ?",
            time.time() - EDITABLE_S,
        )
        query = (
            "DELETE FROM inbox WHERE time < ? AND state IN ('done', 'broken') "
            "AND row < (SELECT max(row) FROM inbox)"
        )
        self._db.change(query, before)

    def _mark(self, rows: Iterable[int], change: str, only: str = "true") -> None:
        if numbers := list(rows):
            query = f"UPDATE inbox SET {change} WHERE {only} AND {_IS_LISTED}"  # noqa: S608 - constants
            self._db.change(query, json.dumps(numbers))
