"""What chats prefer: by chat and name, kept until it is taken back."""

from butler_run.history.file import HistoryFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS preferences (
    chat_id TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (chat_id, name)
)
"""


class Preferences:
    """The preferences' part of the run database; use it from one thread."""

    def __init__(self, file: HistoryFile) -> None:
        file.change(_SCHEMA)
        self._file = file

    def get(self, chat_id: str, name: str) -> str | None:
        """Return a preference of a chat; None if it has none."""
        query = "SELECT value FROM preferences WHERE chat_id = ? AND name = ?"
        rows = self._file.rows(query, chat_id, name)
        return str(rows[0][0]) if rows else None

    def set(self, chat_id: str, name: str, value: str | None) -> None:
        """Keep a preference of a chat; None takes it back."""
        if value is None:
            self.take(chat_id, name)
        else:
            query = "INSERT OR REPLACE INTO preferences VALUES (?, ?, ?)"
            self._file.change(query, chat_id, name, value)

    def take(self, chat_id: str, name: str) -> str | None:
        """Take back a preference of a chat and return it; None if it has none."""
        query = "DELETE FROM preferences WHERE chat_id = ? AND name = ? RETURNING value"
        rows = self._file.change(query, chat_id, name)
        return str(rows[0][0]) if rows else None
