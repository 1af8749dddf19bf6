"""Runs that a usage limit ended and that go on after its reset."""

from dataclasses import dataclass

from butler_run.history.file import HistoryFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS parked (
    number INTEGER PRIMARY KEY, chat_id TEXT NOT NULL, resume_at REAL NOT NULL,
    conversation_id TEXT NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked run; ``resume_at`` is in Unix seconds."""

    number: int
    chat_id: str
    resume_at: float
    conversation_id: str


class ParkedRuns:
    """The parked runs' part of the run database; use it from one thread."""

    def __init__(self, file: HistoryFile) -> None:
        file.change(_SCHEMA)
        self._file = file

    def park(self, parked: Parked) -> None:
        """Keep a run parked, also over a restart."""
        values = (parked.number, parked.chat_id, parked.resume_at, parked.conversation_id)
        self._file.note("INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?)", *values)

    def of(self, chat_id: str | None) -> list[Parked]:
        """Return the parked runs of a chat, or with None of all chats, oldest first."""
        query = "SELECT * FROM parked WHERE chat_id = coalesce(?, chat_id) ORDER BY number"
        return [Parked(*row) for row in self._file.rows(query, chat_id)]

    def take(self, number: int) -> Parked | None:
        """Take a run out, which only one taker can; return it, or None if it is not parked."""
        rows = self._file.change("DELETE FROM parked WHERE number = ? RETURNING *", number)
        return Parked(*rows[0]) if rows else None
