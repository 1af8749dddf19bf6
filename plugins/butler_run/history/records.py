"""The run history for those who only read it, in any process and thread."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from butler import DataError, RunSummary
from butler_run.history.past import AT_WORK, State

_QUERY = """
SELECT number, chat_id, repo, agent, person, name, state,
    substr(coalesce(prompt, ''), 1, {most}), queued_at,
    started_at, ended_at, cost_usd, number IN (SELECT number FROM undone),
    folder, before, after, tokens
FROM runs LEFT JOIN details USING (number) LEFT JOIN names USING (person)
"""
_LISTED, _WHOLE = 500, 1_000_000
"""The most characters of a prompt in a list, and in full."""

_ANSWER = "SELECT text FROM answers WHERE number = ?"
_HAS_ANSWERS = "SELECT 1 FROM sqlite_master WHERE name = 'answers'"


@dataclass(frozen=True, slots=True)
class Record:
    """A run with what is needed to look at its changes; commits are those of its snapshots."""

    summary: RunSummary
    folder: str
    before: str | None
    after: str | None
    tokens: int | None
    answer: str = ""


class RunRecords:
    """Reads the run database while others may write it.

    Args:
        path: The file, which need not exist.

    Raises:
        DataError: From all methods: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def last(self, limit: int, before: int | None = None) -> list[RunSummary]:
        """Return the latest runs of all chats, newest first."""
        query = _QUERY.format(most=_LISTED)
        query += "WHERE number < coalesce(?, number + 1) ORDER BY number DESC LIMIT ?"
        if not self._path.exists():
            return []
        with self._opened() as db:
            return [_record(row).summary for row in db.execute(query, (before, limit))]

    def one(self, number: int) -> Record | None:
        """Return a run, if there is one of this number."""
        if not self._path.exists():
            return None
        with self._opened() as db:
            query = _QUERY.format(most=_WHOLE) + "WHERE number = ?"
            row = db.execute(query, (number,)).fetchone()
            has_answers = db.execute(_HAS_ANSWERS).fetchone()
            answer = db.execute(_ANSWER, (number,)).fetchone() if has_answers else None
        return _record(row, answer[0] if answer else "") if row else None

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        address = f"{self._path.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True)) as db:
                yield db
        except sqlite3.Error as error:
            raise DataError(f"{self._path} cannot be read: {error}.", str(error)) from error


def _record(row: tuple[Any, ...], answer: str = "") -> Record:
    number, chat_id, repo, agent, person, name, state, prompt, *rest = row
    queued_at, started_at, ended_at, cost_usd, is_undone, folder, before, after, tokens = rest
    summary = RunSummary(
        *(number, chat_id, repo, agent, f"{name} ({person})" if name else person),
        *(state, prompt, queued_at, started_at, ended_at, cost_usd),
        is_over=state not in {State.QUEUED, *AT_WORK},
        is_undone=bool(is_undone),
    )
    return Record(summary, folder, before, after, tokens, answer)
