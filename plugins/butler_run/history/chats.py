"""The choices and conversations of chats, and the messages of their runs."""

import sqlite3

CHATS_SCHEMA = """
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
_MESSAGES_KEPT = 10_000


class Chats:
    """The chats' part of the run database; use it from one thread."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def conversation(self, chat_id: str, repo: str, agent: str) -> str | None:
        """Return the id of the conversation that the next run continues."""
        query = "SELECT id FROM conversations WHERE chat_id = ? AND repo = ? AND agent = ?"
        row = self._db.execute(query, (chat_id, repo, agent)).fetchone()
        return None if row is None else str(row[0])

    def keep_conversation(self, chat_id: str, repo: str, agent: str, name: str) -> None:
        """Continue the conversation with this id in the next run."""
        values = (chat_id, repo, agent, name)
        self._db.execute("INSERT OR REPLACE INTO conversations VALUES (?, ?, ?, ?)", values)

    def forget_conversation(self, chat_id: str, repo: str, agent: str) -> bool:
        """End the conversation; return whether there was one."""
        query = "DELETE FROM conversations WHERE chat_id = ? AND repo = ? AND agent = ?"
        return self._db.execute(query, (chat_id, repo, agent)).rowcount > 0

    def agent_of(self, chat_id: str) -> str | None:
        """Return the agent that the chat chose."""
        row = self._chat(chat_id)
        return None if row is None else row[0]

    def choose_agent(self, chat_id: str, agent: str) -> None:
        """Save the agent that the chat chose."""
        self._set(chat_id, "agent", agent)

    def is_listening(self, chat_id: str) -> bool:
        """Return whether plain text is a prompt in this chat."""
        row = self._chat(chat_id)
        return row is not None and bool(row[1])

    def set_listening(self, chat_id: str, *, is_listening: bool) -> None:
        """Set whether plain text is a prompt in this chat."""
        self._set(chat_id, "is_listening", is_listening)

    def lift(self, chat_id: str, *, is_lifted: bool) -> None:
        """Set whether the next run of the chat may exceed its budget."""
        self._set(chat_id, "is_lifted", is_lifted)

    def is_lifted(self, chat_id: str) -> bool:
        """Return whether the next run of the chat may exceed its budget."""
        row = self._chat(chat_id)
        return row is not None and bool(row[2])

    def note_message(self, chat_id: str, message_id: str, number: int) -> None:
        """Associate a message with a run, so that replies to it belong to the run."""
        values = (chat_id, message_id, number)
        self._db.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?)", values)
        self._db.execute("DELETE FROM messages WHERE number < ?", (number - _MESSAGES_KEPT,))

    def run_of(self, chat_id: str, message_id: str | None) -> int | None:
        """Return the number of the run that a message belongs to, if any."""
        query = "SELECT number FROM messages WHERE chat_id = ? AND message_id = ?"
        row = self._db.execute(query, (chat_id, message_id)).fetchone()
        return None if row is None else int(row[0])

    def _chat(self, chat_id: str) -> tuple[str | None, int, int] | None:
        query = "SELECT agent, is_listening, is_lifted FROM chats WHERE chat_id = ?"
        row: tuple[str | None, int, int] | None = self._db.execute(query, (chat_id,)).fetchone()
        return row

    def _set(self, chat_id: str, column: str, value: object) -> None:
        self._db.execute("INSERT OR IGNORE INTO chats (chat_id) VALUES (?)", (chat_id,))
        query = f"UPDATE chats SET {column} = ? WHERE chat_id = ?"  # noqa: S608
        self._db.execute(query, (value, chat_id))
