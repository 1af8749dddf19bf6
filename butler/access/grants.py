"""Grants: the chats and people that owners allowed or denied, and those waiting."""

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from butler.access.seal import Seal
from butler.chat.message import Person
from butler.errors import DataError
from butler.logs import Complaint
from butler.storage.files import PATIENCE_S, data_error, private_folder
from butler.storage.rows import Value
from butler.storage.sqlite import Database, Row, Statement

logger = logging.getLogger(__name__)

CODE_LENGTH = 8
CODE_LIFE_S = 3600.0
MAX_WAITING = 3
LOOK_EVERY_S = 1.0
"""Maximum delay until a grant written by another process applies here."""

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_MIGRATIONS = (
    """
    CREATE TABLE people (
        phone TEXT, lid TEXT, is_allowed INTEGER NOT NULL, by TEXT NOT NULL, time REAL NOT NULL
    );
    CREATE TABLE chats (
        chat_id TEXT PRIMARY KEY, by TEXT NOT NULL, time REAL NOT NULL
    );
    CREATE TABLE announced (
        code TEXT PRIMARY KEY, phone TEXT, lid TEXT, time REAL NOT NULL, is_waiting INTEGER NOT NULL
    );
    """,
    """
    CREATE INDEX announced_by_phone ON announced (phone);
    CREATE INDEX announced_by_lid ON announced (lid);
    """,
    """
    ALTER TABLE people ADD COLUMN seal TEXT;
    ALTER TABLE chats ADD COLUMN is_view_only INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE chats ADD COLUMN seal TEXT;
    ALTER TABLE announced ADD COLUMN seal TEXT;
    CREATE TABLE owners (phone TEXT PRIMARY KEY, lid TEXT NOT NULL, seal TEXT NOT NULL);
    """,
)
_PEOPLE = "SELECT phone, lid, is_allowed, by, time, seal FROM people ORDER BY rowid"
_CHATS = "SELECT chat_id, by, time, is_view_only, seal FROM chats ORDER BY time"
_WAITING = "SELECT code, phone, lid, time, seal FROM announced WHERE is_waiting AND time > ?"
_OWNERS = "SELECT phone, lid, seal FROM owners"
_SEALED = ("people", "chats", "announced")
_COLUMNS = (
    "phone, lid, is_allowed, by, time",
    "chat_id, by, time, is_view_only",
    "code, phone, lid, time",
)


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


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An announced person, with the time of the announcement."""

    person: Person
    time: float


class StoredGrants:
    """Grants in a SQLite file, mirrored in memory because every message looks them up.

    Use it from one thread, inside ``with``; it sees writes of other processes within a second. A
    person matches by either address, but is not admitted if the other address is known on both
    sides and differs: a phone number may have changed hands. So the second address of a person is
    saved as soon as it is seen. An address belongs to the latest decision on it. Rows are sealed:
    one that Butler did not write grants nothing.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._opened: Database | None = None
        self._people: list[PersonGrant] = []
        self._by_address: dict[str, list[PersonGrant]] = {}
        self._chats: dict[str, ChatGrant] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._owners: dict[str, str] = {}
        self._strange_owners: dict[str, str] = {}
        self._news: list[str] = []
        self._learned: list[str] = []
        self._seal = Seal(b"", is_new=False)
        self._version = 0
        self._looked_at = 0.0
        self._complaint = Complaint(logger)
        self._has_foreign_rows = False

    def __enter__(self) -> Self:
        private_folder(self._path.parent)
        self._opened = Database(
            self._path, _MIGRATIONS, raises=data_error, is_checked=True, patience_s=PATIENCE_S
        )
        try:
            self._seal = Seal.open(self._path.with_name("grants.key"))
            if self._seal.is_new:
                self._seal_earlier_rows()
            self._load()
            self._settle()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

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
        known = self._owners.get(person.phone)
        if known is None:
            self._keep_owner(person.phone, person.lid)
            self._learned.append(f"{person.lid} is the owner {person.phone} from now on")
        elif known != person.lid and self._strange_owners.get(person.phone) != person.lid:
            self._strange_owners[person.phone] = person.lid
            logger.warning("the owner %s has another LID and is not obeyed", person.phone)
            self._news.append(
                f"The number of an owner, {person.phone}, writes with another LID ({person.lid}) "
                f"than before ({known}), so I do not obey it. If that is you: /allow {person.lid}"
            )
        return known in {None, person.lid}

    def confirm_owner(self, lid: str | None) -> str | None:
        """Let an owner have another LID, if it was seen; return their phone number then."""
        for phone, strange in self._strange_owners.items():
            if strange == lid:
                self._keep_owner(phone, strange)
                del self._strange_owners[phone]
                return phone
        return None

    def take_news(self) -> list[str]:
        """Return what the owner has to be told, once."""
        if not self._news:
            return []
        news, self._news = self._news, []
        return news

    def take_learned(self) -> list[str]:
        """Return what was kept of addresses because somebody wrote, for the audit, once."""
        if not self._learned:
            return []
        learned, self._learned = self._learned, []
        return learned

    def allow_chat(self, chat_id: str, by: str, *, is_view_only: bool = False) -> None:
        """Open the chat to all its members, or let them look."""
        values = (chat_id, by, self._clock(), is_view_only)
        query = (
            "INSERT OR REPLACE INTO chats (chat_id, by, time, is_view_only, seal) "
            "VALUES (?, ?, ?, ?, ?)"
        )
        self._change((query, (*values, self._seal.of("chats", *values))))

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
                (*values, self._seal.of("people", *values)),
            ),
            (
                "UPDATE announced SET is_waiting = 0 WHERE phone = ? OR lid = ?",
                (person.phone, person.lid),
            ),
        )
        return person

    def announce(self, person: Person) -> str | None:
        """Return a code that admits the person within an hour.

        None if they already had a code or were denied, if three others are waiting, or if the code
        cannot be saved.
        """
        self._look()
        try:
            return self._announced(person, self._clock())
        except DataError as error:
            logger.error("cannot announce a stranger: %s", error)
            return None

    def redeem(self, code: str) -> Person | None:
        """Return the person waiting with ``code``, whose code then expires; None if nobody is."""
        self._look()
        waiting = self._waiting_at(self._clock()).get(code.upper())
        if waiting is None:
            return None
        self._change(("UPDATE announced SET is_waiting = 0 WHERE code = ?", (code.upper(),)))
        return waiting.person

    def _announced(self, person: Person, now: float) -> str | None:
        is_full = len(self._waiting_at(now)) >= MAX_WAITING
        if is_full or self.denies(person) or self._earlier_of(person):
            return None
        code = "".join(secrets.choice(_LETTERS) for _ in range(CODE_LENGTH))
        values = (code, person.phone, person.lid, now)
        query = (
            "INSERT INTO announced (code, phone, lid, time, is_waiting, seal) "
            "VALUES (?, ?, ?, ?, 1, ?)"
        )
        self._change((query, (*values, self._seal.of("announced", *values))))
        return code

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
        known = [person, *granted, *self._earlier_of(person)]
        return Person(
            next((each.phone for each in known if each.phone), None),
            next((each.lid for each in known if each.lid), None),
        )

    def _waiting_at(self, now: float) -> dict[str, _Waiting]:
        return {code: each for code, each in self._waiting.items() if now - each.time < CODE_LIFE_S}

    def _keep_owner(self, phone: str, lid: str) -> None:
        seal = self._seal.of("owners", phone, lid)
        query = "INSERT OR REPLACE INTO owners (phone, lid, seal) VALUES (?, ?, ?)"
        self._owners[phone] = lid
        try:
            self._change((query, (phone, lid, seal)))
        except DataError as error:
            logger.error("cannot save the LID of the owner %s: %s", phone, error)

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
            self._seal.of("people", each.phone, each.lid, grant.is_allowed, grant.by, grant.time)
            for each in (grant.person, person)
        )
        if not (person.phone or person.lid):
            return ("DELETE FROM people WHERE seal = ?", (old,))
        query = "UPDATE people SET phone = ?, lid = ?, seal = ? WHERE seal = ?"
        return (query, (person.phone, person.lid, new, old))

    def _earlier_of(self, person: Person) -> list[Person]:
        """Return the addresses under which the person was announced before."""
        query = "SELECT phone, lid FROM announced WHERE phone = ? OR lid = ?"
        return [Person(*row) for row in self._query(query, (person.phone, person.lid))]

    def _look(self) -> None:
        """Reload if another process has written; check at most once a second."""
        now = self._clock()
        if self._opened is None or abs(now - self._looked_at) < LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            if self._data_version() != self._version:
                self._load()
            self._complaint.end("grants can be read again")
        except DataError as error:
            self._complaint.begin("cannot read the grants, keeping those in memory: %s", error)

    def _data_version(self) -> int:
        """Return a number that changes when another connection writes."""
        return int(self._query("PRAGMA data_version")[0][0])

    def _load(self) -> None:
        version = self._data_version()
        people = self._own_rows("people", _PEOPLE)
        chats = self._own_rows("chats", _CHATS)
        waiting = self._own_rows("announced", _WAITING, (self._clock() - CODE_LIFE_S,))
        self._owners = {str(row[0]): str(row[1]) for row in self._own_rows("owners", _OWNERS)}
        self._people = [
            PersonGrant(Person(phone, lid), bool(is_allowed), by, at, number)
            for number, (phone, lid, is_allowed, by, at) in enumerate(people)
        ]
        self._chats = {
            chat_id: ChatGrant(chat_id, by, at, bool(is_view_only))
            for chat_id, by, at, is_view_only in chats
        }
        self._waiting = {row[0]: _Waiting(Person(*row[1:3]), row[3]) for row in waiting}
        self._by_address = {}
        for grant in self._people:
            for address in (grant.person.phone, grant.person.lid):
                if address:
                    self._by_address.setdefault(address, []).append(grant)
        self._version = version  # last, so that a failed load is retried

    def _own_rows(self, table: str, query: str, values: Sequence[Value] = ()) -> list[Row]:
        """Return the rows, without their seals, that Butler wrote."""
        rows = self._query(query, values)
        own = [row[:-1] for row in rows if self._seal.fits(row[-1], table, *_typed(table, row))]
        if len(own) < len(rows) and not self._has_foreign_rows:
            self._has_foreign_rows = True
            logger.error("%s has grants that Butler did not write; they are ignored", self._path)
        return own

    def _seal_earlier_rows(self) -> None:
        """Seal the rows of a version without seals; none where there are seals of a lost key."""
        for table in _SEALED:
            if self._query(f"SELECT 1 FROM {table} WHERE seal IS NOT NULL LIMIT 1"):  # noqa: S608
                return
        for table, columns in zip(_SEALED, _COLUMNS, strict=True):
            for row in self._query(f"SELECT {columns}, rowid FROM {table}"):  # noqa: S608
                seal = self._seal.of(table, *_typed(table, row))
                query = f"UPDATE {table} SET seal = ? WHERE rowid = ?"  # noqa: S608
                self._database.change(query, (seal, row[-1]))

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _query(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        return self._database.read(sql, values)

    def _change(self, *statements: Statement) -> None:
        self._database.write(*statements)
        self._load()

    @property
    def _database(self) -> Database:
        if self._opened is None:
            raise DataError(f"{self._path} is not open.")
        return self._opened


def _typed(table: str, row: Row) -> list[object]:
    """Return the values of a row as they were sealed; SQLite has no type for truth."""
    *values, _last = row
    truth = {"people": 2, "chats": 3}.get(table)
    return [bool(value) if place == truth else value for place, value in enumerate(values)]


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


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other
