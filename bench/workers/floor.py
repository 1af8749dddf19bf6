"""The minimum: a dict of handlers, a dict of sessions, a lock per chat.

``floor.py [DATABASE]``: with a database, each change is committed to it before the answer.
"""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

from worker import OTHER_COMMANDS, Sink, chat_number, one_by_one, serve

SCHEMA = """
CREATE TABLE sessions (chat_id TEXT PRIMARY KEY, repo TEXT, path TEXT, time REAL) WITHOUT ROWID
"""
UPSERT = """
INSERT INTO sessions VALUES (?, ?, ?, ?) ON CONFLICT (chat_id) DO UPDATE SET
repo = excluded.repo, path = excluded.path, time = excluded.time
"""

Session = tuple[str, str, float]
Handler = Callable[[str, str], Awaitable[str]]


class Floor:
    def __init__(self) -> None:
        self.sink = Sink()
        self._paths = {"api": "/src/api", "web": "/src/web"}
        self._sessions: dict[str, Session] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._handlers: dict[str, Handler] = dict.fromkeys(OTHER_COMMANDS, self._use)
        self._handlers["use"] = self._use

    async def handle(self, message: tuple[str, str]) -> None:
        chat_id, text = message
        name, _, argument = text.removeprefix("/").partition(" ")
        async with self._locks.setdefault(chat_id, asyncio.Lock()):
            self._send(await self._handlers[name](chat_id, argument))

    def _keep(self, chat_id: str, session: Session) -> None:
        self._sessions[chat_id] = session

    async def _use(self, chat_id: str, repo: str) -> str:
        self._keep(chat_id, (repo, self._paths[repo], time.time()))
        return f"This chat now works on *{repo}*."

    def _send(self, text: str) -> None:
        self.sink.put(text)


class DurableFloor(Floor):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(SCHEMA)

    def _keep(self, chat_id: str, session: Session) -> None:
        self._db.execute(UPSERT, (chat_id, *session))


def message(number: int, text: str) -> tuple[str, str]:
    return f"{120363000000000000 + chat_number(number)}@g.us", text


if __name__ == "__main__":
    floor = DurableFloor(sys.argv[1]) if sys.argv[1:] else Floor()
    asyncio.run(serve(message, partial(one_by_one, floor.handle), floor.sink.count))
