"""SqliteStore: sessions in a file, which survive the end of the process."""

import os
from collections.abc import Iterator, Sequence
from math import inf
from typing import ClassVar, Final

from butler.sessions.errors import StoreError
from butler.sessions.session import Session
from butler.storage.migrations import Migration
from butler.storage.sqlite import SMALL_PAGE_BYTES, Database, Row, Synchronous
from butler.storage.sqlite_errors import Failure

APPLICATION_ID: Final = int.from_bytes(b"Butl", "big")

# No index on last_command_time: with 1,000,000 sessions it saves 80 ms on a list of the recent ones
# and doubles the cost of every command's write (measured: 16 to 34 µs).
MIGRATIONS: Final[Sequence[Migration]] = (
    """
    CREATE TABLE sessions (
        chat_id TEXT NOT NULL PRIMARY KEY,
        active_repo TEXT,
        active_repo_path TEXT,
        last_command_time REAL NOT NULL
    ) WITHOUT ROWID
    """,
)

_GET: Final = """
    SELECT chat_id, active_repo, active_repo_path, last_command_time FROM sessions
    WHERE chat_id = ? AND last_command_time <= ?
"""
_PUT: Final = """
    INSERT INTO sessions (chat_id, active_repo, active_repo_path, last_command_time)
    VALUES (?, ?, ?, ?)
    ON CONFLICT (chat_id) DO UPDATE SET
        active_repo = excluded.active_repo,
        active_repo_path = excluded.active_repo_path,
        last_command_time = excluded.last_command_time
"""
_TOUCH: Final = """
    UPDATE sessions SET last_command_time = ? WHERE chat_id = ? AND last_command_time > ?
"""
_DELETE: Final = "DELETE FROM sessions WHERE chat_id = ? AND last_command_time <= ?"
_ALL: Final = """
    SELECT chat_id, active_repo, active_repo_path, last_command_time FROM sessions
    WHERE last_command_time > ?
"""
_RECENT: Final = """
    SELECT chat_id, active_repo, active_repo_path, last_command_time FROM sessions
    WHERE last_command_time > ?
    ORDER BY last_command_time DESC, chat_id LIMIT ? OFFSET ?
"""
_COUNT: Final = "SELECT count(*) FROM sessions WHERE last_command_time > ?"
_IDLE_PAGE: Final = """
    SELECT chat_id FROM sessions WHERE chat_id >= ? AND last_command_time <= ?
    ORDER BY chat_id LIMIT 1000
"""


class SqliteStore:
    """Sessions in a SQLite database, without a copy in memory.

    Processes see each other's changes at once. A change that returned survives a crash of the
    process; with ``synchronous="FULL"`` it also survives a power cut, but each change waits for the
    disk.

    The file is created for its owner only, with its folder if missing. Any thread may use the
    store, and close it while others use it. A process that forks must open its store after the
    fork: SQLite connections do not survive one
    (https://www.sqlite.org/howtocorrupt.html, section 2.6).

    Raises:
        StoreError: The file cannot be used, and is not changed.
    """

    is_remote: ClassVar[bool] = False

    def __init__(
        self, path: str | os.PathLike[str], *, synchronous: Synchronous = "NORMAL"
    ) -> None:
        self._database = Database(
            path,
            MIGRATIONS,
            raises=_store_error,
            application_id=APPLICATION_ID,
            synchronous=synchronous,
            page_bytes=SMALL_PAGE_BYTES,
            storable=_exact,
        )

    def get(self, chat_id: str) -> Session | None:
        return _first(self._database.read(_GET, (chat_id, inf)))

    def put(self, session: Session) -> Session | None:
        return _first(self._database.write((_GET, (session.chat_id, inf)), (_PUT, session)))

    def touch(self, chat_id: str, time: float, *, after: float = -inf) -> bool:
        return self._database.change(_TOUCH, (time, chat_id, after)) > 0

    def delete(self, chat_id: str, *, until: float = inf) -> Session | None:
        return _first(self._database.write((_GET, (chat_id, until)), (_DELETE, (chat_id, until))))

    def all(self, *, after: float = -inf) -> list[Session]:
        return [_session(row) for row in self._database.read(_ALL, (after,))]

    def recent(self, limit: int, offset: int = 0, *, after: float = -inf) -> list[Session]:
        return [_session(row) for row in self._database.read(_RECENT, (after, limit, offset))]

    def count(self, *, after: float = -inf) -> int:
        return int(self._database.read(_COUNT, (after,))[0][0])

    def idle(self, until: float) -> Iterator[str]:
        start = ""
        while page := self._database.read(_IDLE_PAGE, (start, until)):
            chat_ids = [_text(chat_id) for (chat_id,) in page]
            yield from chat_ids
            # The smallest text that follows the last one.
            start = chat_ids[-1] + "\0"

    def close(self) -> None:
        self._database.close()


def _store_error(failure: Failure) -> StoreError:
    sentence = f"Sessions cannot be kept in {failure.place}: {failure.reason}; {failure.remedy}."
    return StoreError(sentence, failure.reason, is_lasting=failure.is_lasting)


def _exact(text: str) -> bytes:
    """Return text that UTF-8 cannot encode, such as a file name in Latin-1, as bytes."""
    return text.encode(errors="surrogatepass")


def _first(rows: list[Row]) -> Session | None:
    return _session(rows[0]) if rows else None


def _session(row: Row) -> Session:
    if bytes not in map(type, row):
        return Session._make(row)
    chat_id, name, path, time = row
    return Session(_text(chat_id), name and _text(name), path and _text(path), time)


def _text(value: str | bytes) -> str:
    return value.decode(errors="surrogatepass") if isinstance(value, bytes) else value
