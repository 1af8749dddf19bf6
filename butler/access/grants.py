"""Grants: the chats and people that owners allowed or denied, and those waiting."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from butler.access.announcements import Announcements
from butler.access.owner_lids import OwnerLids
from butler.access.sealed_tables import SealedTables
from butler.chat.message import Person
from butler.errors import DataError
from butler.logs import Complaint
from butler.storage.sqlite import Statement

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""Maximum delay until a grant written by another process applies here."""

_PEOPLE = "SELECT phone, lid, is_allowed, by, time, seal FROM people ORDER BY rowid"
_CHATS = "SELECT chat_id, by, time, is_view_only, seal FROM chats ORDER BY time"


@dataclass(frozen=True, slots=True)
class PersonGrant:
    """A person who was allowed or denied, with the owner and the time (Unix seconds).

    Attributes:
        number: Higher than that of every earlier decision.
    """

    person: Person
    is_allowed: bool
    by: str
    time: float
    number: int


@dataclass(frozen=True, slots=True)
class ChatGrant:
    """A chat that was opened, with the owner and the time (Unix seconds).

    Attributes:
        is_view_only: Its members may only look.
    """

    chat_id: str
    by: str
    time: float
    is_view_only: bool = False


class StoredGrants:
    """Grants in a SQLite file, mirrored in memory because every message looks them up.

    Use it from one thread, inside ``with``; it sees writes of other processes within a second. A
    person matches by either address, but is not admitted if the other address is known on both
    sides and differs: a phone number may have changed hands. So the second address of a person is
    saved as soon as it is seen. An address belongs to the latest decision on it. Rows are sealed:
    one that Butler did not write grants nothing.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._tables = SealedTables(path)
        self._owners = OwnerLids(self._tables)
        self._announcements = Announcements(self._tables, clock)
        self._clock = clock
        self._people: list[PersonGrant] = []
        self._by_address: dict[str, list[PersonGrant]] = {}
        self._chats: dict[str, ChatGrant] = {}
        self._learned: list[str] = []
        self._version = 0
        self._looked_at = 0.0
        self._complaint = Complaint(logger)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._tables)
            self._load()
            self._settle()
            stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._tables.__exit__(*error)

    @property
    def people(self) -> list[PersonGrant]:
        """All people that were allowed or denied, oldest first."""
        return list(self._people)

    @property
    def chats(self) -> list[ChatGrant]:
        """All chats that were opened, oldest first."""
        return list(self._chats.values())

    def allows_chat(self, chat_id: str) -> bool:
        """Return whether an owner opened the chat to its members."""
        self._look()
        grant = self._chats.get(chat_id)
        return grant is not None and not grant.is_view_only

    def shows_chat(self, chat_id: str) -> bool:
        """Return whether an owner let the chat's members at least look."""
        self._look()
        return chat_id in self._chats

    def allows(self, person: Person) -> bool:
        """Return whether an owner admitted the person."""
        grant = self._decision_on(person)
        return grant is not None and grant.is_allowed

    def denies(self, person: Person) -> bool:
        """Return whether an owner denied the person, or someone who shares an address."""
        grant = self._decision_on(person)
        return grant is not None and not grant.is_allowed

    def allowed_another(self, person: Person) -> bool:
        """Return whether an owner admitted someone who shares an address with the person."""
        return any(
            each.is_allowed and not _is_same(each.person, person) for each in self._of(person)
        )

    def knows_owner(self, person: Person) -> bool:
        """Return whether an owner who is configured by phone number writes with the LID they had.

        The first LID is kept. Another one is news for the owner, until ``confirm_owner``.
        """
        if person.phone is None or person.lid is None:
            return True
        self._look()
        return self._owners.knows(person.phone, person.lid)

    def confirm_owner(self, lid: str | None) -> str | None:
        """Let an owner have another LID, if it was seen; return their phone number then."""
        return self._owners.confirm(lid)

    def take_news(self) -> list[str]:
        """Return what the owner has to be told, once."""
        return _taken(self._owners.news)

    def take_learned(self) -> list[str]:
        """Return what was kept of addresses because somebody wrote, for the audit, once."""
        return _taken(self._owners.learned) + _taken(self._learned)

    def allow_chat(self, chat_id: str, by: str, *, is_view_only: bool = False) -> None:
        """Open the chat to all its members, or let them look."""
        values = (chat_id, by, self._clock(), is_view_only)
        query = (
            "INSERT OR REPLACE INTO chats (chat_id, by, time, is_view_only, seal) "
            "VALUES (?, ?, ?, ?, ?)"
        )
        self._change((query, (*values, self._tables.seal("chats", *values))))

    def deny_chat(self, chat_id: str) -> bool:
        """Close the chat; return whether it was open."""
        was_open = chat_id in self._chats
        self._change(("DELETE FROM chats WHERE chat_id = ?", (chat_id,)))
        return was_open

    def decide(self, person: Person, *, is_allowed: bool, by: str) -> Person:
        """Allow or deny the person, replacing earlier decisions on them; return who is meant.

        A denial is of all addresses that are known of the person.
        """
        if not is_allowed:
            person = self._with_known_addresses(person)
        values = (person.phone, person.lid, is_allowed, by, self._clock())
        self._change(
            ("DELETE FROM people WHERE phone = ? OR lid = ?", (person.phone, person.lid)),
            (
                "INSERT INTO people (phone, lid, is_allowed, by, time, seal) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (*values, self._tables.seal("people", *values)),
            ),
            self._announcements.ended_for(person),
        )
        return person

    def announce(self, person: Person) -> str | None:
        """Return a code that admits the person within an hour.

        None if they already had a code or were denied, if three others are waiting, or if the code
        cannot be saved.
        """
        self._look()
        try:
            if self._announcements.has_room() and not self._is_known(person):
                return self._announcements.add(person)
        except DataError as error:
            logger.error("cannot announce a stranger: %s", error)
        return None

    def redeem(self, code: str) -> Person | None:
        """Return the person waiting with ``code``, whose code then expires; None if nobody is."""
        self._look()
        person = self._announcements.waiting(code.upper())
        if person is not None:
            self._announcements.end(code.upper())
        return person

    def _is_known(self, stranger: Person) -> bool:
        return self.denies(stranger) or bool(self._announcements.earlier(stranger))

    def _decision_on(self, person: Person) -> PersonGrant | None:
        """Return the latest decision that applies to the person, completed by what was seen."""
        self._look()
        grants = sorted(self._of(person), key=lambda grant: grant.number, reverse=True)
        for grant in grants:
            if not grant.is_allowed or _is_same(grant.person, person):
                self._complete(grant, person)
                return grant
        return None

    def _of(self, person: Person) -> Iterator[PersonGrant]:
        if self._by_address:
            for address in (person.phone, person.lid):
                if address:
                    yield from self._by_address.get(address, ())

    def _with_known_addresses(self, person: Person) -> Person:
        """Add the addresses known from earlier decisions: a denial applies to all of them."""
        granted = (grant.person for grant in self._of(person))
        known = [person, *granted, *self._announcements.earlier(person)]
        return Person(
            next((each.phone for each in known if each.phone), None),
            next((each.lid for each in known if each.lid), None),
        )

    def _complete(self, grant: PersonGrant, seen: Person) -> None:
        """Save a person's second address when it is first seen, unless a later decision has it."""
        known = grant.person
        if (known.phone or not seen.phone) and (known.lid or not seen.lid):
            return
        whole = Person(known.phone or seen.phone, known.lid or seen.lid)
        if any(other.number > grant.number for other in self._of(whole)):
            return
        try:
            self._give(grant, whole)
        except DataError as error:
            logger.error("cannot save the other address of %s: %s", known, error)
        else:
            new = whole.lid if known.phone else whole.phone
            decision = "allowed" if grant.is_allowed else "denied"
            self._learned.append(f"{new} is {decision}, too, as the other address of {known}")

    def _settle(self) -> None:
        """Let no address have two decisions, as it could in a file of an older version."""
        while shared := next((each for each in self._by_address.values() if len(each) > 1), None):
            *_, earlier, later = shared
            lid = later.person.lid or earlier.person.lid
            self._give(later, Person(later.person.phone or earlier.person.phone, lid))

    def _give(self, grant: PersonGrant, whole: Person) -> None:
        """Give a decision these addresses, and take them from all others."""
        others = [other for other in self._of(whole) if other is not grant]
        self._change(
            self._moved(grant, whole),
            *(self._moved(other, _without(other.person, whole)) for other in others),
        )

    def _moved(self, grant: PersonGrant, person: Person) -> Statement:
        """Return the statement that gives a decision other addresses, or drops it without any."""
        old, new = (
            self._tables.seal(
                "people", each.phone, each.lid, grant.is_allowed, grant.by, grant.time
            )
            for each in (grant.person, person)
        )
        if not (person.phone or person.lid):
            return ("DELETE FROM people WHERE seal = ?", (old,))
        query = "UPDATE people SET phone = ?, lid = ?, seal = ? WHERE seal = ?"
        return (query, (person.phone, person.lid, new, old))

    def _look(self) -> None:
        """Reload if another process has written; check at most once a second."""
        now = self._clock()
        if not self._tables.is_open or abs(now - self._looked_at) < LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            if self._tables.version() != self._version:
                self._load()
            self._complaint.end("grants can be read again")
        except DataError as error:
            self._complaint.begin("cannot read the grants, keeping those in memory: %s", error)

    def _load(self) -> None:
        version = self._tables.version()
        people = self._tables.own_rows("people", _PEOPLE)
        chats = self._tables.own_rows("chats", _CHATS)
        self._announcements.load()
        self._owners.load()
        self._people = [
            PersonGrant(Person(phone, lid), bool(is_allowed), by, at, number)
            for number, (phone, lid, is_allowed, by, at) in enumerate(people)
        ]
        self._chats = {
            chat_id: ChatGrant(chat_id, by, at, bool(is_view_only))
            for chat_id, by, at, is_view_only in chats
        }
        self._by_address = {}
        for grant in self._people:
            for address in (grant.person.phone, grant.person.lid):
                if address:
                    self._by_address.setdefault(address, []).append(grant)
        self._version = version  # last, so that a failed load is retried

    def _change(self, *statements: Statement) -> None:
        self._tables.write(*statements)
        self._load()


def _is_same(granted: Person, person: Person) -> bool:
    return granted == person and not (
        _differ(granted.phone, person.phone) or _differ(granted.lid, person.lid)
    )


def _without(person: Person, taken: Person) -> Person:
    """Return a person without the addresses that another one has."""
    return Person(
        None if person.phone == taken.phone else person.phone,
        None if person.lid == taken.lid else person.lid,
    )


def _taken(said: list[str]) -> list[str]:
    """Empty a list; return what was in it."""
    if not said:
        return []
    taken = said[:]
    said.clear()
    return taken


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other
