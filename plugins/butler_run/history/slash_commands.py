"""The slash commands that agents announced, by repo."""

import json
from collections.abc import Iterable

from butler_run.agents import AgentCommand
from butler_run.history.file import HistoryFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS slash_commands (
    repo TEXT, agent TEXT, commands TEXT NOT NULL, PRIMARY KEY (repo, agent)
)
"""


class SlashCommands:
    """The commands' part of the run database; use it from one thread."""

    def __init__(self, file: HistoryFile) -> None:
        file.change(_SCHEMA)
        self._file = file

    def keep(self, repo: str, agent: str, commands: Iterable[AgentCommand]) -> None:
        """Replace what an agent announced in a repo."""
        told = json.dumps([[each.name, each.summary] for each in commands])
        query = "INSERT OR REPLACE INTO slash_commands VALUES (?, ?, ?)"
        self._file.note(query, repo, agent, told)

    def of(self, repo: str, agent: str) -> list[AgentCommand] | None:
        """Return what an agent announced in a repo; None if it has not announced anything yet."""
        query = "SELECT commands FROM slash_commands WHERE repo = ? AND agent = ?"
        rows = self._file.rows(query, repo, agent)
        return [AgentCommand(*each) for each in json.loads(rows[0][0])] if rows else None

    @property
    def names(self) -> list[str]:
        """The names of all commands that any agent announced in any repo."""
        rows = self._file.rows("SELECT commands FROM slash_commands")
        return sorted({str(name) for (told,) in rows for name, _ in json.loads(told)})

    def is_any(self, name: str) -> bool:
        """Return whether any agent announced a command of this name, in any case, in any repo."""
        return any(name.lower() == each.lower() for each in self.names)
