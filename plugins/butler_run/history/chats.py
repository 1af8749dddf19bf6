"""The choices and conversations of chats, and the messages of their runs."""

from butler_run.history.file import HistoryFile

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

ConversationKey = tuple[str, str, str]
"""The chat, the repo and the agent of a conversation."""


class Chats:
    """The chats' part of the run database; use it from one thread."""

    def __init__(self, file: HistoryFile) -> None:
        self._file = file
        self._lost: set[ConversationKey] = set()

    def conversation(self, chat_id: str, repo: str, agent: str) -> str | None:
        """Return the id of the conversation that the next run continues."""
        query = "SELECT id FROM conversations WHERE chat_id = ? AND repo = ? AND agent = ?"
        rows = self._file.rows(query, chat_id, repo, agent)
        return str(rows[0][0]) if rows else None

    def keep_conversation(self, chat_id: str, repo: str, agent: str, name: str) -> None:
        """Continue the conversation with this id in the next run."""
        query = "INSERT OR REPLACE INTO conversations VALUES (?, ?, ?, ?)"
        self._file.note(query, chat_id, repo, agent, name)

    def forget_conversation(self, chat_id: str, repo: str, agent: str) -> bool:
        """End the conversation; return whether there was one."""
        query = "DELETE FROM conversations WHERE chat_id = ? AND repo = ? AND agent = ? RETURNING 1"
        return bool(self._file.change(query, chat_id, repo, agent))

    def lose_conversation(self, key: ConversationKey) -> bool:
        """Note that the agent has lost the conversation; return whether also the last one."""
        query = "DELETE FROM conversations WHERE chat_id = ? AND repo = ? AND agent = ?"
        self._file.note(query, *key)
        is_lost_again = key in self._lost
        self._lost.add(key)
        return is_lost_again

    def note_resumed(self, key: ConversationKey) -> None:
        """Note that the agent has resumed the conversation."""
        self._lost.discard(key)

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
        query = "INSERT OR REPLACE INTO messages VALUES (?, ?, ?)"
        self._file.note(query, chat_id, message_id, number)
        self._file.note("DELETE FROM messages WHERE number < (SELECT min(number) FROM runs)")

    def run_of(self, chat_id: str, message_id: str | None) -> int | None:
        """Return the number of the run that a message belongs to, if any."""
        if message_id is None:
            return None
        query = "SELECT number FROM messages WHERE chat_id = ? AND message_id = ?"
        rows = self._file.rows(query, chat_id, message_id)
        return int(rows[0][0]) if rows else None

    def _chat(self, chat_id: str) -> tuple[str | None, int, int] | None:
        query = "SELECT agent, is_listening, is_lifted FROM chats WHERE chat_id = ?"
        return next(iter(self._file.rows(query, chat_id)), None)

    def _set(self, chat_id: str, column: str, value: object) -> None:
        self._file.change("INSERT OR IGNORE INTO chats (chat_id) VALUES (?)", chat_id)
        query = f"UPDATE chats SET {column} = ? WHERE chat_id = ?"  # noqa: S608
        self._file.change(query, value, chat_id)
