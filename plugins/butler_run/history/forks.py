"""Conversations that the next run continues in a copy."""

from butler_run.history.file import HistoryFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS forks (
    chat_id TEXT, repo TEXT, agent TEXT, id TEXT NOT NULL, PRIMARY KEY (chat_id, repo, agent)
)
"""


class Forks:
    """The copies' part of the run database; use it from one thread."""

    def __init__(self, file: HistoryFile) -> None:
        file.change(_SCHEMA)
        self._file = file

    def set(self, chat_id: str, repo: str, agent: str, conversation_id: str | None) -> None:
        """Continue a conversation in a copy; None takes that back."""
        where = "DELETE FROM forks WHERE chat_id = ? AND repo = ? AND agent = ?"
        self._file.change(where, chat_id, repo, agent)
        if conversation_id is not None:
            query = "INSERT INTO forks VALUES (?, ?, ?, ?)"
            self._file.change(query, chat_id, repo, agent, conversation_id)

    def is_to_fork(self, chat_id: str, repo: str, agent: str, conversation_id: str) -> bool:
        """Return whether a conversation is to be continued in a copy."""
        query = "SELECT id FROM forks WHERE chat_id = ? AND repo = ? AND agent = ?"
        return self._file.rows(query, chat_id, repo, agent) == [(conversation_id,)]
