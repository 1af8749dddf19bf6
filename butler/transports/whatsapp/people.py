"""Who has which LID: pairs of addresses, learnt from traffic."""

from collections import OrderedDict

from butler.message import Person
from butler.transports.whatsapp.inbox import Database

PEOPLE_SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    lid TEXT PRIMARY KEY,
    phone TEXT NOT NULL UNIQUE
) WITHOUT ROWID;
"""

_REMEMBERED = 10_000


class People:
    """The pairs of LID and phone number that messages have shown."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._learnt: OrderedDict[str, str] = OrderedDict()

    def complete(self, person: Person) -> Person:
        """Return ``person`` with both addresses where they are known, and learn them."""
        if person.lid is not None and person.phone is not None:
            self._learn(person.lid, person.phone)
            return person
        if person.lid is not None:
            found = self._db.rows("SELECT phone FROM people WHERE lid = ?", person.lid)
            return Person(phone=found[0][0], lid=person.lid) if found else person
        if person.phone is not None:
            found = self._db.rows("SELECT lid FROM people WHERE phone = ?", person.phone)
            return Person(phone=person.phone, lid=found[0][0]) if found else person
        return person

    def _learn(self, lid: str, phone: str) -> None:
        if self._learnt.get(lid) == phone:
            return
        self._db.change("INSERT OR REPLACE INTO people VALUES (?, ?)", lid, phone)
        self._learnt[lid] = phone
        if len(self._learnt) > _REMEMBERED:
            self._learnt.popitem(last=False)
