"""The slash commands that agents announced, by repo."""

import json
import sqlite3
from collections.abc import Iterable

from butler_run.agents import AgentCommand

_SCHEMA = """
CREATE TABLE IF NOT EXISTS slash_commands (
    repo TEXT, agent TEXT, commands TEXT NOT NULL, PRIMARY KEY (repo, agent)
)
"""


class SlashCommands:
    """The commands' part of the run database; use it from one thread."""

    def __init__(self, db: sqlite3.Connection) -> None:
        db.execute(_SCHEMA)
        self._db = db

    def keep(self, repo: str, agent: str, commands: Iterable[AgentCommand]) -> None:
        """Replace what an agent announced in a repo."""
        told = json.dumps([[each.name, each.summary] for each in commands])
        query = "INSERT OR REPLACE INTO slash_commands VALUES (?, ?, ?)"
        self._db.execute(query, (repo, agent, told))

    def of(self, repo: str, agent: str) -> list[AgentCommand] | None:
        """Return what an agent announced in a repo; None if it has not announced anything yet."""
        query = "SELECT commands FROM slash_commands WHERE repo = ? AND agent = ?"
        row = self._db.execute(query, (repo, agent)).fetchone()
        return None if row is None else [AgentCommand(*each) for each in json.loads(row[0])]

    def is_any(self, name: str) -> bool:
        """Return whether any agent announced a command of this name, in any case, in any repo."""
        rows = self._db.execute("SELECT commands FROM slash_commands")
        return any(name.lower() == each.lower() for (told,) in rows for each, _ in json.loads(told))
