"""What owners allowed and denied from a chat, and who waits to be allowed."""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from butler.errors import DataError
from butler.files import open_database, private_folder
from butler.message import Person

CODE_LENGTH = 8
CODE_LIFE_S = 3600.0
MAX_WAITING = 3

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    phone TEXT, lid TEXT, is_allowed INTEGER NOT NULL, by TEXT NOT NULL, time REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS chats (
    chat_id TEXT PRIMARY KEY, by TEXT NOT NULL, time REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS announced (
    code TEXT PRIMARY KEY, phone TEXT, lid TEXT, time REAL NOT NULL, is_waiting INTEGER NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class PersonGrant:
    """That a person was allowed, or denied, by whom and when (Unix seconds)."""

    person: Person
    is_allowed: bool
    by: str
    time: float


@dataclass(frozen=True, slots=True)
class ChatGrant:
    """That a chat was opened, by whom and when (Unix seconds)."""

    chat_id: str
    by: str
    time: float


class StoredGrants:
    """Grants in a SQLite file, and all of them in memory, for they are asked at every message.

    Used from one thread, inside ``with``. A person is matched by either address, but not if the
    other one is known on both sides and differs: a phone number that changed hands is nobody's.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        self._people: list[PersonGrant] = []
        self._by_address: dict[str, list[PersonGrant]] = {}
        self._chats: dict[str, ChatGrant] = {}

    def __enter__(self) -> Self:
        private_folder(self._path.parent)
        self._db = open_database(self._path, _SCHEMA)
        self._load()
        return self

    def __exit__(self, *error: object) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @property
    def people(self) -> list[PersonGrant]:
        """All persons that were allowed or denied, in the order in which that happened."""
        return list(self._people)

    @property
    def chats(self) -> list[ChatGrant]:
        """All chats that were opened, in the order in which that happened."""
        return list(self._chats.values())

    def allows_chat(self, chat_id: str) -> bool:
        """Return whether an owner opened the chat."""
        return chat_id in self._chats

    def allows(self, person: Person) -> bool:
        """Return whether an owner admitted the person."""
        return any(grant.is_allowed for grant in self._of(person))

    def denies(self, person: Person) -> bool:
        """Return whether an owner shut the person out."""
        return any(not grant.is_allowed for grant in self._of(person))

    def allow_chat(self, chat_id: str, by: str) -> None:
        """Open the chat to all its members."""
        values = (chat_id, by, self._clock())
        self._change(("INSERT OR REPLACE INTO chats VALUES (?, ?, ?)", values))

    def deny_chat(self, chat_id: str) -> bool:
        """Close the chat again; return whether it had been opened."""
        was_open = chat_id in self._chats
        self._change(("DELETE FROM chats WHERE chat_id = ?", (chat_id,)))
        return was_open

    def decide(self, person: Person, *, is_allowed: bool, by: str) -> None:
        """Allow or deny the person, in place of what was said of them before."""
        values = (person.phone, person.lid, is_allowed, by, self._clock())
        self._change(
            ("DELETE FROM people WHERE phone = ? OR lid = ?", (person.phone, person.lid)),
            ("INSERT INTO people VALUES (?, ?, ?, ?, ?)", values),
        )

    def announce(self, person: Person) -> str | None:
        """Return a code that admits the person within an hour.

        None if they had one before, or if three others wait already.
        """
        now = self._clock()
        if self._was_announced(person) or len(self._waiting(now)) >= MAX_WAITING:
            return None
        code = "".join(secrets.choice(_LETTERS) for _ in range(CODE_LENGTH))
        values = (code, person.phone, person.lid, now)
        self._change(("INSERT INTO announced VALUES (?, ?, ?, ?, 1)", values))
        return code

    def redeem(self, code: str) -> Person | None:
        """Return who waits with ``code``, and end the waiting; None if nobody does."""
        person = self._waiting(self._clock()).get(code.upper())
        if person is not None:
            self._change(("UPDATE announced SET is_waiting = 0 WHERE code = ?", (code.upper(),)))
        return person

    def _of(self, person: Person) -> Iterator[PersonGrant]:
        if self._by_address:
            for address in (person.phone, person.lid):
                for grant in self._by_address.get(address or "", ()):
                    if _is_same(grant.person, person):
                        yield grant

    def _waiting(self, now: float) -> dict[str, Person]:
        query = "SELECT code, phone, lid FROM announced WHERE is_waiting AND time > ?"
        rows = self._query(query, (now - CODE_LIFE_S,))
        return {code: Person(phone, lid) for code, phone, lid in rows}

    def _was_announced(self, person: Person) -> bool:
        query = "SELECT 1 FROM announced WHERE phone = ? OR lid = ?"
        return bool(self._query(query, (person.phone, person.lid)))

    def _load(self) -> None:
        people = self._query("SELECT phone, lid, is_allowed, by, time FROM people ORDER BY time")
        chats = self._query("SELECT chat_id, by, time FROM chats ORDER BY time")
        self._people = [
            PersonGrant(Person(phone, lid), bool(is_allowed), by, at)
            for phone, lid, is_allowed, by, at in people
        ]
        self._chats = {row[0]: ChatGrant(*row) for row in chats}
        self._by_address = {}
        for grant in self._people:
            for address in (grant.person.phone, grant.person.lid):
                if address:
                    self._by_address.setdefault(address, []).append(grant)

    def _query(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple]:  # type: ignore[type-arg]  # SQLite's rows are of any type
        with self._errors():
            return self._connection.execute(sql, values).fetchall()

    def _change(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                for sql, values in statements:
                    self._connection.execute(sql, values)
        self._load()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise DataError(f"{self._path} is not open.")
        return self._db

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DataError(f"The grants in {self._path} cannot be used: {error}.") from error


def _is_same(granted: Person, person: Person) -> bool:
    return granted == person and not (
        _differ(granted.phone, person.phone) or _differ(granted.lid, person.lid)
    )


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other
