"""The runs there were, and what chats chose; on disk."""

import os
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from butler import Message, open_database


class State(StrEnum):
    """How far a run is, or how it ended."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    CUT_OFF = "cut off"


@dataclass(frozen=True, slots=True)
class Past:
    """A run as it is kept; times in Unix seconds, commits are those of its snapshots."""

    number: int
    chat_id: str
    repo: str
    folder: str
    agent: str
    person: str
    state: State
    queued_at: float
    started_at: float | None
    ended_at: float | None
    cost_usd: float | None
    before: str | None
    after: str | None


_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id TEXT NOT NULL, repo TEXT NOT NULL, folder TEXT NOT NULL, agent TEXT NOT NULL,
    person TEXT NOT NULL, state TEXT NOT NULL, queued_at REAL NOT NULL,
    started_at REAL, ended_at REAL, cost_usd REAL, before TEXT, after TEXT,
    message_key TEXT NOT NULL UNIQUE, process INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_by_chat ON runs (chat_id, queued_at);
CREATE TABLE IF NOT EXISTS conversations (
    chat_id TEXT, repo TEXT, agent TEXT, id TEXT NOT NULL, PRIMARY KEY (chat_id, repo, agent)
);
CREATE TABLE IF NOT EXISTS chats (
    chat_id TEXT PRIMARY KEY, agent TEXT, is_listening INTEGER NOT NULL DEFAULT 0,
    is_lifted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS messages (
    chat_id TEXT, message_id TEXT, number INTEGER NOT NULL, PRIMARY KEY (chat_id, message_id)
);
"""
_COLUMNS = (
    "number, chat_id, repo, folder, agent, person, state, queued_at, started_at, ended_at, "
    "cost_usd, before, after"
)
_MESSAGES_KEPT = 10_000


class History:
    """Runs, conversations and choices in a SQLite file; used from one thread."""

    def __init__(self, path: Path) -> None:
        self._db = open_database(path, _SCHEMA)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def add(self, message: Message, repo: str, folder: Path, agent: str) -> int | None:
        """Note the run that ``message`` asks for; return its number, or None if it has one."""
        sender = message.author
        key = f"{message.chat_id}\n{sender}\n{message.id}"
        rows = self._db.execute(
            "INSERT INTO runs "
            "(chat_id, repo, folder, agent, person, state, queued_at, message_key, process) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING number",
            (
                *(message.chat_id, repo, str(folder), agent),
                *(sender, State.QUEUED, time.time(), key, os.getpid()),
            ),
        ).fetchall()
        return int(rows[0][0]) if rows else None

    def begin(self, number: int, before: str | None) -> None:
        """Note that a run has begun, on the snapshot ``before``."""
        self._db.execute(
            "UPDATE runs SET state = ?, started_at = ?, before = ? WHERE number = ?",
            (State.RUNNING, time.time(), before, number),
        )

    def end(
        self, number: int, state: State, after: str | None = None, cost_usd: float | None = None
    ) -> None:
        """Note how a run ended."""
        self._db.execute(
            "UPDATE runs SET state = ?, ended_at = ?, after = ?, cost_usd = ? WHERE number = ?",
            (state, time.time(), after, cost_usd, number),
        )

    def cut_off(self) -> list[Past]:
        """Note that runs have ended with the process they were in, if it is gone; return them."""
        runs = [
            run
            for run in self._runs("WHERE state IN (?, ?)", State.QUEUED, State.RUNNING)
            if not self._is_under_way(run.number)
        ]
        for run in runs:
            self.end(run.number, State.CUT_OFF)
        return runs

    def _is_under_way(self, number: int) -> bool:
        query = "SELECT process FROM runs WHERE number = ?"
        process = int(self._db.execute(query, (number,)).fetchone()[0])
        return process != os.getpid() and Path(f"/proc/{process}").exists()

    def run(self, number: int, chat_id: str) -> Past | None:
        """Return a run of this chat."""
        return next(iter(self._runs("WHERE number = ? AND chat_id = ?", number, chat_id)), None)

    def last(self, chat_id: str, limit: int) -> list[Past]:
        """Return the last runs of a chat, the newest first."""
        return self._runs("WHERE chat_id = ? ORDER BY number DESC LIMIT ?", chat_id, limit)

    def last_with_changes(self, chat_id: str) -> Past | None:
        """Return the last run of a chat that has both snapshots."""
        where = "WHERE chat_id = ? AND after IS NOT NULL ORDER BY number DESC LIMIT 1"
        return next(iter(self._runs(where, chat_id)), None)

    def count_since(self, since: float, *, person: str | None = None, chat_id: str = "") -> int:
        """Return how many runs a person asked for, or a chat, since then (Unix seconds)."""
        column, value = ("person", person) if person is not None else ("chat_id", chat_id)
        query = f"SELECT count(*) FROM runs WHERE {column} = ? AND queued_at > ?"  # noqa: S608
        return int(self._db.execute(query, (value, since)).fetchone()[0])

    def cost_since(self, since: float, chat_id: str) -> float:
        """Return what the runs of a chat cost since then, in US dollars."""
        query = "SELECT total(cost_usd) FROM runs WHERE chat_id = ? AND queued_at > ?"
        return float(self._db.execute(query, (chat_id, since)).fetchone()[0])

    def conversation(self, chat_id: str, repo: str, agent: str) -> str | None:
        """Return the id of the conversation that the next run goes on with."""
        query = "SELECT id FROM conversations WHERE chat_id = ? AND repo = ? AND agent = ?"
        row = self._db.execute(query, (chat_id, repo, agent)).fetchone()
        return None if row is None else str(row[0])

    def keep_conversation(self, chat_id: str, repo: str, agent: str, name: str) -> None:
        """Go on with the conversation that the agent calls ``name``."""
        values = (chat_id, repo, agent, name)
        self._db.execute("INSERT OR REPLACE INTO conversations VALUES (?, ?, ?, ?)", values)

    def forget_conversation(self, chat_id: str, repo: str, agent: str) -> bool:
        """Start a fresh conversation next time; return whether there was one."""
        query = "DELETE FROM conversations WHERE chat_id = ? AND repo = ? AND agent = ?"
        return self._db.execute(query, (chat_id, repo, agent)).rowcount > 0

    def agent_of(self, chat_id: str) -> str | None:
        """Return the agent that the chat chose."""
        row = self._chat(chat_id)
        return None if row is None else row[0]

    def choose_agent(self, chat_id: str, agent: str) -> None:
        """Keep the chat's choice."""
        self._set(chat_id, "agent", agent)

    def is_listening(self, chat_id: str) -> bool:
        """Return whether plain text is a prompt in this chat."""
        row = self._chat(chat_id)
        return row is not None and bool(row[1])

    def set_listening(self, chat_id: str, *, is_listening: bool) -> None:
        """Say whether plain text is a prompt in this chat."""
        self._set(chat_id, "is_listening", is_listening)

    def lift(self, chat_id: str, *, is_lifted: bool) -> None:
        """Let one run of the chat go beyond its budget, or no longer."""
        self._set(chat_id, "is_lifted", is_lifted)

    def is_lifted(self, chat_id: str) -> bool:
        """Return whether the next run of the chat may go beyond its budget."""
        row = self._chat(chat_id)
        return row is not None and bool(row[2])

    def note_message(self, chat_id: str, message_id: str, number: int) -> None:
        """Remember that a message belongs to a run, so that replies to it do, too."""
        values = (chat_id, message_id, number)
        self._db.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?)", values)
        self._db.execute("DELETE FROM messages WHERE number < ?", (number - _MESSAGES_KEPT,))

    def is_of_a_run(self, chat_id: str, message_id: str) -> bool:
        """Return whether a message belongs to a run."""
        query = "SELECT 1 FROM messages WHERE chat_id = ? AND message_id = ?"
        return self._db.execute(query, (chat_id, message_id)).fetchone() is not None

    def _runs(self, where: str, *values: object) -> list[Past]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM runs {where}", values)  # noqa: S608
        return [_past(row) for row in rows]

    def _chat(self, chat_id: str) -> tuple[str | None, int, int] | None:
        query = "SELECT agent, is_listening, is_lifted FROM chats WHERE chat_id = ?"
        row: tuple[str | None, int, int] | None = self._db.execute(query, (chat_id,)).fetchone()
        return row

    def _set(self, chat_id: str, column: str, value: object) -> None:
        self._db.execute("INSERT OR IGNORE INTO chats (chat_id) VALUES (?)", (chat_id,))
        query = f"UPDATE chats SET {column} = ? WHERE chat_id = ?"  # noqa: S608
        self._db.execute(query, (value, chat_id))


def _past(row: tuple[Any, ...]) -> Past:
    return replace(Past(*row), state=State(row[6]))
