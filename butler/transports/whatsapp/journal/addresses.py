"""Pairs of LID and phone number, learnt from traffic."""

from butler.chat.message import Person
from butler.transports.whatsapp.journal.inbox import JournalFile

PEOPLE_SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    lid TEXT PRIMARY KEY,
    phone TEXT NOT NULL UNIQUE
) WITHOUT ROWID;
"""

_PHONE_OF = "SELECT phone FROM people WHERE lid = ?"
_LID_OF = "SELECT lid FROM people WHERE phone = ?"
_MOST_REMEMBERED = 10_000


class Addresses:
    """The pairs of LID and phone number seen in messages."""

    def __init__(self, db: JournalFile) -> None:
        self._db = db
        # By each address the other one, or None; no other process writes to the journal.
        self._remembered: dict[str, str | None] = {}

    def complete(self, person: Person) -> Person:
        """Return ``person`` with both addresses if they are known, and learn new pairs."""
        lid, phone = person.lid, person.phone
        if lid is not None and phone is not None:
            self._learn(lid, phone)
            return person
        if lid is not None:
            return Person(phone=self._other(_PHONE_OF, lid), lid=lid)
        if phone is not None:
            return Person(phone=phone, lid=self._other(_LID_OF, phone))
        return person

    def _other(self, query: str, address: str) -> str | None:
        if address not in self._remembered:
            found = self._db.rows(query, address)
            self._remember(address, found[0][0] if found else None)
        return self._remembered[address]

    def _learn(self, lid: str, phone: str) -> None:
        if self._remembered.get(lid) != phone:
            self._db.change("INSERT OR REPLACE INTO people VALUES (?, ?)", lid, phone)
            self._remember(lid, phone)

    def _remember(self, address: str, other: str | None) -> None:
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        if other is None:
            self._remembered[address] = None
            return
        for each in (address, other):
            if (former := self._remembered.get(each)) is not None:
                del self._remembered[former]
        self._remembered |= {address: other, other: address}
