"""Files that came without words: they wait for ten minutes for what to do with them."""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from butler import Attachment, Message
from butler_run.history.file import HistoryFile

PENDING_FILES_SCHEMA = """
CREATE TABLE IF NOT EXISTS pending_files (
    chat_id TEXT, person TEXT, files TEXT NOT NULL, question_id TEXT, asked_at REAL NOT NULL,
    PRIMARY KEY (chat_id, person)
);
"""
WAIT_S = 600.0
MOST = 10

_WHERE = "WHERE chat_id = ? AND person = ? AND asked_at > ?"


class PendingFiles:
    """The files of each person in each chat; use it from one thread."""

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def add(self, message: Message) -> int:
        """Let the files of a message wait, with those that do already; return their number."""
        files = [*self.of(message), *message.attachments][-MOST:]
        query = "INSERT OR REPLACE INTO pending_files VALUES (?, ?, ?, NULL, ?)"
        self._file.change(query, *_key(message), _encoded(files), time.time())
        return len(files)

    def note_question(self, message: Message, question_id: str) -> None:
        """Note the question about the files, so that a reply to it is for them."""
        query = "UPDATE pending_files SET question_id = ? WHERE chat_id = ? AND person = ?"
        self._file.note(query, question_id, *_key(message))

    def of(self, message: Message) -> list[Attachment]:
        """Return the files that wait for words of the sender of a message."""
        query = f"SELECT files FROM pending_files {_WHERE}"  # noqa: S608 - constants
        rows = self._file.rows(query, *_key(message), time.time() - WAIT_S)
        return _decoded(rows[0][0]) if rows else []

    def are_meant_by(self, message: Message) -> bool:
        """Return whether files wait for plain text like this: a reply, or any in private."""
        query = f"SELECT question_id FROM pending_files {_WHERE}"  # noqa: S608 - constants
        rows = self._file.rows(query, *_key(message), time.time() - WAIT_S)
        if not rows:
            return False
        is_reply = message.quoted_id is not None and message.quoted_id == rows[0][0]
        return is_reply or is_private(message)

    def forget(self, message: Message) -> None:
        """Forget the files, as they have what they waited for, and all that waited too long."""
        query = "DELETE FROM pending_files WHERE (chat_id = ? AND person = ?) OR asked_at < ?"
        self._file.note(query, *_key(message), time.time() - WAIT_S)


def is_private(message: Message) -> bool:
    """Return whether a message is in a chat with Butler alone."""
    is_local = "@" not in message.chat_id
    return not message.is_group and (not message.is_own or message.is_to_self or is_local)


def _key(message: Message) -> tuple[str, str]:
    return message.chat_id, message.author


def _encoded(files: Iterable[Attachment]) -> str:
    return json.dumps([{**asdict(each), "path": str(each.path)} for each in files])


def _decoded(text: str) -> list[Attachment]:
    found = [Attachment(**each) for each in json.loads(text)]
    return [replace(each, path=Path(str(each.path))) for each in found]
