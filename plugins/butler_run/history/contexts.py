"""The size and cost of conversations."""

from dataclasses import dataclass

from butler_run.agents import Usage
from butler_run.history.file import HistoryFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS contexts (
    conversation_id TEXT PRIMARY KEY, tokens INTEGER, size INTEGER,
    runs INTEGER NOT NULL, cost_usd REAL NOT NULL, reported_usd REAL
)
"""


_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class ContextSize:
    """A conversation.

    Attributes:
        tokens: How many tokens it holds; None if the agent does not say so.
        size: How many fit in.
        runs: How many runs it had.
        cost_usd: What they cost.
    """

    tokens: int | None
    size: int | None
    runs: int
    cost_usd: float


class Contexts:
    """The conversations' part of the run database; use it from one thread."""

    def __init__(self, file: HistoryFile) -> None:
        file.change(_SCHEMA)
        self._file = file

    def note(self, conversation_id: str, usage: Usage) -> float | None:
        """Note what a run used; return what it cost by itself.

        Some agents report the cost of the whole conversation: then it never falls.
        """
        query = "SELECT reported_usd, cost_usd, runs FROM contexts WHERE conversation_id = ?"
        rows = self._file.rows(query, conversation_id)
        reported, total, runs = rows[0] if rows else (None, 0.0, 0)
        cost = usage.cost_usd
        if cost is not None and reported is not None and cost >= reported:
            cost -= reported
        self._file.note(
            "INSERT OR REPLACE INTO contexts VALUES (?, ?, ?, ?, ?, ?)",
            *(conversation_id, usage.context_tokens, usage.context_size),
            *(runs + 1, total + (cost or 0.0), usage.cost_usd),
        )
        # Noting one gives it the highest row, so the lowest are the longest unused.
        self._file.note(
            "DELETE FROM contexts WHERE rowid <= (SELECT max(rowid) FROM contexts) - ?", _KEPT
        )
        return cost

    def of(self, conversation_id: str) -> ContextSize | None:
        """Return what is known of a conversation; None if nothing is."""
        query = "SELECT tokens, size, runs, cost_usd FROM contexts WHERE conversation_id = ?"
        rows = self._file.rows(query, conversation_id)
        return ContextSize(*rows[0]) if rows else None
