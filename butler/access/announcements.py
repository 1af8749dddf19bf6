"""Codes by which an owner can admit a stranger who wrote."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from butler.access.sealed_tables import SealedTables
from butler.chat.message import Person
from butler.storage.sqlite import Statement

CODE_LENGTH = 8
CODE_LIFE_S = 3600.0
MAX_WAITING = 3

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_WAITING = "SELECT code, phone, lid, time, seal FROM announced WHERE is_waiting AND time > ?"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An announced person, with the time of the announcement."""

    person: Person
    time: float


class Announcements:
    """The strangers who were announced to the owners, each once."""

    def __init__(self, tables: SealedTables, clock: Callable[[], float]) -> None:
        self._tables = tables
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}

    def load(self) -> None:
        """Read who is waiting.

        Raises:
            DataError: The file cannot be read.
        """
        rows = self._tables.own_rows("announced", _WAITING, (self._clock() - CODE_LIFE_S,))
        self._waiting = {code: _Waiting(Person(phone, lid), at) for code, phone, lid, at in rows}

    def waiting(self, code: str) -> Person | None:
        """Return the person waiting with ``code``."""
        waiting = self._waiting_now().get(code)
        return waiting.person if waiting else None

    def has_room(self) -> bool:
        """Return whether fewer people are waiting than may at a time."""
        return len(self._waiting_now()) < MAX_WAITING

    def add(self, person: Person) -> str:
        """Return a new code for the person.

        Raises:
            DataError: The file cannot be written.
        """
        code = "".join(secrets.choice(_LETTERS) for _ in range(CODE_LENGTH))
        values = (code, person.phone, person.lid, self._clock())
        query = (
            "INSERT INTO announced (code, phone, lid, time, is_waiting, seal) "
            "VALUES (?, ?, ?, ?, 1, ?)"
        )
        self._tables.write((query, (*values, self._tables.seal("announced", *values))))
        self.load()
        return code

    def end(self, code: str) -> None:
        """Let a code expire.

        Raises:
            DataError: The file cannot be written.
        """
        self._tables.write(("UPDATE announced SET is_waiting = 0 WHERE code = ?", (code,)))
        self.load()

    @staticmethod
    def ended_for(person: Person) -> Statement:
        """Return the statement that lets all codes of a person expire."""
        query = "UPDATE announced SET is_waiting = 0 WHERE phone = ? OR lid = ?"
        return (query, (person.phone, person.lid))

    def earlier(self, person: Person) -> list[Person]:
        """Return the addresses under which the person was announced before.

        Raises:
            DataError: The file cannot be read.
        """
        query = "SELECT phone, lid FROM announced WHERE phone = ? OR lid = ?"
        return [Person(*row) for row in self._tables.rows(query, (person.phone, person.lid))]

    def _waiting_now(self) -> dict[str, _Waiting]:
        now = self._clock()
        return {code: each for code, each in self._waiting.items() if now - each.time < CODE_LIFE_S}
