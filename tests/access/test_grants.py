import sqlite3
from contextlib import closing

import pytest

from butler import Person
from butler.access.announcements import CODE_LIFE_S
from butler.access.grants import LOOK_EVERY_S, StoredGrants
from butler.access.sealed_tables import MIGRATIONS, SealedTables
from butler.errors import DataError
from butler.storage.sqlite import Database

ANNA = Person(phone="+4930111111", lid="111@lid")
BOB = Person(phone="+4930222222")
OWNER = "+4915112345678"


@pytest.fixture
def clock(mocker):
    return mocker.Mock(return_value=1_000.0)


@pytest.fixture
def grants(tmp_path, clock):
    with StoredGrants(tmp_path / "data" / "grants.sqlite3", clock) as grants:
        yield grants


def test_nothing_is_granted_at_first(grants):
    assert not grants.allows(ANNA)
    assert not grants.denies(ANNA)
    assert not grants.allows_chat("team@g.us")


def test_a_chat_is_opened_and_closed(grants):
    grants.allow_chat("team@g.us", OWNER)
    assert grants.allows_chat("team@g.us")

    assert grants.deny_chat("team@g.us")
    assert not grants.deny_chat("team@g.us")
    assert not grants.allows_chat("team@g.us")


def test_the_last_word_on_a_person_counts(grants):
    grants.decide(ANNA, is_allowed=True, by=OWNER)
    grants.decide(Person(lid="111@lid"), is_allowed=False, by=OWNER)

    assert grants.denies(ANNA)
    assert not grants.allows(ANNA)
    assert len(grants.people) == 1


def test_what_was_said_outlives_the_process(tmp_path, clock):
    path = tmp_path / "grants.sqlite3"
    with StoredGrants(path, clock) as grants:
        grants.allow_chat("team@g.us", OWNER)
        grants.decide(ANNA, is_allowed=True, by=OWNER)

    with StoredGrants(path, clock) as grants:
        assert grants.allows(ANNA)
        assert [(each.chat_id, each.by, each.time) for each in grants.chats] == [
            ("team@g.us", OWNER, 1_000.0)
        ]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("person", "is_allowed"),
    [
        (Person(phone="+4930111111"), True),
        (Person(lid="111@lid"), True),
        (Person(phone="+4930111111", lid="999@lid"), False),
        (Person(phone="+4930999999", lid="111@lid"), False),
        (Person(lid="4930111111@lid"), False),
        (Person(), False),
    ],
)
def test_a_number_that_changed_hands_is_not_admitted_by_itself(grants, person, is_allowed):
    grants.decide(ANNA, is_allowed=True, by=OWNER)

    assert grants.allows(person) is is_allowed


@pytest.mark.parametrize(
    ("person", "is_denied"),
    [
        (Person(phone="+4930111111"), True),
        (Person(lid="111@lid"), True),
        (Person(phone="+4930111111", lid="999@lid"), True),
        (Person(phone="+4930999999", lid="111@lid"), True),
        (Person(lid="4930111111@lid"), False),
        (Person(), False),
    ],
)
def test_a_denial_holds_for_every_address_that_was_ever_theirs(grants, person, is_denied):
    grants.decide(ANNA, is_allowed=True, by=OWNER)
    grants.decide(Person(phone=ANNA.phone), is_allowed=False, by=OWNER)

    assert grants.denies(person) is is_denied


@pytest.mark.parametrize("known", [Person(phone=ANNA.phone), Person(lid=ANNA.lid)])
def test_who_was_allowed_by_one_address_is_held_to_the_other_once_it_was_seen(grants, known):
    grants.decide(known, is_allowed=True, by=OWNER)
    assert grants.allows(ANNA)

    assert not grants.allows(Person(phone=ANNA.phone, lid="999@lid"))
    assert not grants.allows(Person(phone="+4930999999", lid=ANNA.lid))
    assert [each.person.lid for each in grants.people] == [ANNA.lid]


def test_who_was_denied_by_one_address_stays_denied_under_the_other(tmp_path, clock):
    path = tmp_path / "grants.sqlite3"
    with StoredGrants(path, clock) as grants:
        grants.decide(Person(phone=ANNA.phone), is_allowed=False, by=OWNER)
        assert grants.denies(ANNA)

    with StoredGrants(path, clock) as grants:
        assert grants.denies(Person(lid=ANNA.lid))


@pytest.mark.parametrize("phone_is_allowed", [True, False])
@pytest.mark.parametrize("is_phone_first", [True, False])
def test_of_decisions_on_two_addresses_of_a_person_the_later_holds(
    grants, phone_is_allowed, is_phone_first
):
    decisions = [(Person(phone=ANNA.phone), phone_is_allowed)]
    decisions.insert(is_phone_first, (Person(lid=ANNA.lid), not phone_is_allowed))
    for person, is_allowed in decisions:
        grants.decide(person, is_allowed=is_allowed, by=OWNER)
    later = decisions[-1][1]

    for person in (ANNA, Person(phone=ANNA.phone), Person(lid=ANNA.lid)):
        assert (grants.allows(person), grants.denies(person)) == (later, not later)
    assert [(each.person.phone, each.person.lid) for each in grants.people] == [
        (ANNA.phone, ANNA.lid)
    ]


def test_a_denial_outlives_a_number_that_changed_hands(grants):
    other = Person(lid="999@lid")
    grants.decide(other, is_allowed=False, by=OWNER)
    grants.decide(ANNA, is_allowed=True, by=OWNER)

    assert grants.denies(Person(phone=ANNA.phone, lid=other.lid))
    assert grants.denies(other)
    assert grants.allows(ANNA)
    assert not grants.denies(ANNA)


def test_a_number_that_changed_hands_leaves_the_one_who_had_it_their_decision(grants):
    other = Person(phone=ANNA.phone, lid="999@lid")
    grants.decide(ANNA, is_allowed=False, by=OWNER)
    grants.decide(Person(lid=other.lid), is_allowed=True, by=OWNER)

    assert grants.allows(other)
    assert not grants.denies(other)
    assert grants.denies(Person(lid=ANNA.lid))


def test_contradictions_from_an_older_version_are_settled(tmp_path):
    path = tmp_path / "grants.sqlite3"
    with closing(Database(path, MIGRATIONS[:2], raises=DataError)) as older:
        allow = "INSERT INTO people VALUES (?, ?, 1, ?, 1.0)"
        older.change(allow, (ANNA.phone, ANNA.lid, OWNER))
        older.change("INSERT INTO people VALUES (NULL, ?, 0, ?, 2.0)", (ANNA.lid, OWNER))

    with StoredGrants(path) as grants:
        assert grants.denies(Person(phone=ANNA.phone))
        assert not grants.allows(ANNA)
        assert len(grants.people) == 1


def test_who_was_announced_is_denied_under_both_addresses(grants):
    grants.announce(ANNA)

    grants.decide(Person(phone=ANNA.phone), is_allowed=False, by=OWNER)

    assert grants.denies(Person(lid=ANNA.lid))


def test_an_address_that_cannot_be_kept_shuts_nobody_out(grants, tmp_path, caplog):
    grants.decide(Person(phone=ANNA.phone), is_allowed=True, by=OWNER)
    with closing(sqlite3.connect(tmp_path / "data" / "grants.sqlite3")) as other:
        other.execute("DROP TABLE people")

    assert grants.allows(ANNA)
    assert f"cannot save the other address of +4930111111: {tmp_path}" in caplog.text


def test_a_look_that_failed_is_repeated(grants, tmp_path, clock, mocker):
    grants.allow_chat("team@g.us", OWNER)
    with StoredGrants(tmp_path / "data" / "grants.sqlite3", clock) as other:
        other.deny_chat("team@g.us")
    broken = mocker.patch.object(SealedTables, "own_rows", side_effect=DataError("no"))
    clock.return_value += LOOK_EVERY_S
    assert grants.allows_chat("team@g.us")

    mocker.stop(broken)
    clock.return_value += LOOK_EVERY_S

    assert not grants.allows_chat("team@g.us")


def test_what_another_process_says_holds_within_a_second(grants, tmp_path, clock):
    grants.allow_chat("team@g.us", OWNER)
    assert grants.allows_chat("team@g.us")
    with StoredGrants(tmp_path / "data" / "grants.sqlite3", clock) as other:
        other.deny_chat("team@g.us")
        other.decide(ANNA, is_allowed=True, by=OWNER)
        code = other.announce(BOB)

    clock.return_value += LOOK_EVERY_S

    assert not grants.allows_chat("team@g.us")
    assert grants.allows(ANNA)
    assert grants.redeem(code) == BOB


def test_while_others_cannot_be_asked_what_was_known_holds(grants, tmp_path, clock, caplog):
    grants.allow_chat("team@g.us", OWNER)
    with closing(sqlite3.connect(tmp_path / "data" / "grants.sqlite3")) as other:
        other.execute("DROP TABLE people")
    clock.return_value += LOOK_EVERY_S

    assert grants.allows_chat("team@g.us")
    assert "cannot read the grants, keeping those in memory: /" in caplog.text


def test_a_stranger_who_cannot_be_noted_is_not_announced(grants, tmp_path, caplog):
    with closing(sqlite3.connect(tmp_path / "data" / "grants.sqlite3")) as other:
        other.execute("DROP TABLE announced")

    assert grants.announce(BOB) is None
    assert "cannot announce a stranger: /" in caplog.text


def test_grants_of_the_first_version_are_kept(tmp_path):
    path = tmp_path / "grants.sqlite3"
    with closing(Database(path, MIGRATIONS[:1], raises=DataError)) as first:
        first.change("INSERT INTO chats VALUES ('team@g.us', ?, 1.0)", (OWNER,))

    with StoredGrants(path) as grants:
        assert grants.allows_chat("team@g.us")


def test_a_person_who_waits_is_announced_once(grants):
    code = grants.announce(ANNA)

    assert len(code) == 8
    assert grants.announce(Person(lid="111@lid")) is None
    assert grants.redeem(code.lower()) == ANNA
    assert grants.redeem(code) is None


def test_a_code_ends_after_an_hour(grants, clock):
    code = grants.announce(ANNA)
    clock.return_value += CODE_LIFE_S

    assert grants.redeem(code) is None


def test_three_wait_at_the_most(grants, clock):
    codes = [grants.announce(Person(lid=f"{number}@lid")) for number in range(4)]

    assert [bool(code) for code in codes] == [True, True, True, False]
    clock.return_value += CODE_LIFE_S
    assert grants.announce(Person(lid="3@lid"))


def test_whoever_was_decided_on_waits_no_longer_and_makes_room(grants):
    codes = [grants.announce(Person(lid=f"{number}@lid")) for number in range(3)]
    grants.decide(Person(lid="0@lid"), is_allowed=True, by=OWNER)
    grants.decide(Person(lid="1@lid"), is_allowed=False, by=OWNER)

    assert [bool(grants.redeem(code)) for code in codes] == [False, False, True]
    assert grants.announce(Person(lid="3@lid"))


@pytest.mark.parametrize("person", [ANNA, Person(phone=ANNA.phone), Person(lid=ANNA.lid)])
def test_who_was_denied_is_not_announced(grants, person):
    grants.decide(ANNA, is_allowed=False, by=OWNER)

    assert grants.announce(person) is None


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "grants.sqlite3"
    path.write_text("something else, and quite long enough to be a file of its own\n" * 20)

    with pytest.raises(DataError, match="cannot be used: the file is not a database"):
        StoredGrants(path).__enter__()

    assert path.read_text().startswith("something else")


def test_grants_that_are_not_open_say_so(tmp_path):
    with pytest.raises(DataError, match="is not open"):
        StoredGrants(tmp_path / "grants.sqlite3").allow_chat("team@g.us", OWNER)


def test_a_change_is_whole_or_not_at_all(grants, tmp_path):
    other = sqlite3.connect(tmp_path / "data" / "grants.sqlite3")
    other.execute("DROP TABLE people")
    other.close()

    with pytest.raises(DataError, match="no such table"):
        grants.decide(ANNA, is_allowed=True, by=OWNER)


FORGED = {
    "people": "INSERT INTO people (phone, is_allowed, by, time) "
    "VALUES ('+4930222222', 1, 'x', 1.0)",
    "chats": "INSERT INTO chats (chat_id, by, time) VALUES ('team@g.us', 'x', 1.0)",
    "sealed": "INSERT INTO chats (chat_id, by, time, seal) VALUES ('team@g.us', 'x', 1.0, 'abc')",
    "waiting": "INSERT INTO announced (code, phone, time, is_waiting) "
    "VALUES ('ABCDEFGH', '+4930222222', 1000.0, 1)",
}


@pytest.mark.parametrize("statement", FORGED.values(), ids=FORGED)
def test_what_was_written_behind_butlers_back_grants_nothing(
    grants, clock, tmp_path, statement, caplog
):
    with closing(sqlite3.connect(tmp_path / "data" / "grants.sqlite3")) as other:
        other.execute(statement)
        other.commit()
    clock.return_value += LOOK_EVERY_S

    assert not grants.allows(BOB)
    assert not grants.allows_chat("team@g.us")
    assert not grants.shows_chat("team@g.us")
    assert grants.redeem("ABCDEFGH") is None
    assert (grants.people, grants.chats) == ([], [])
    assert "has grants that Butler did not write; they are ignored" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE people SET is_allowed = 1",
        "UPDATE people SET lid = '9@lid'",
        "UPDATE chats SET is_view_only = 0",
        "UPDATE chats SET chat_id = 'other@g.us'",
        "UPDATE announced SET phone = '+4930222222'",
    ],
)
def test_a_row_that_was_changed_is_no_longer_butlers(grants, clock, tmp_path, change):
    grants.decide(BOB, is_allowed=False, by=OWNER)
    grants.allow_chat("team@g.us", OWNER, is_view_only=True)
    code = grants.announce(ANNA)
    with closing(sqlite3.connect(tmp_path / "data" / "grants.sqlite3")) as other:
        other.execute(change)
        other.commit()
    clock.return_value += LOOK_EVERY_S

    assert not grants.allows(BOB)
    assert not any(grants.allows_chat(each) for each in ("team@g.us", "other@g.us"))
    assert not grants.shows_chat("other@g.us")
    redeemed = grants.redeem(code)
    assert redeemed in (None, ANNA)
    assert len(grants.people) + len(grants.chats) + bool(redeemed) < 3


def test_grants_of_an_earlier_version_are_sealed_once(tmp_path, clock):
    path = tmp_path / "grants.sqlite3"
    with closing(Database(path, MIGRATIONS[:2], raises=DataError)) as earlier:
        earlier.change("INSERT INTO chats VALUES ('team@g.us', 'x', 1.0)")
        earlier.change("INSERT INTO people VALUES ('+4930222222', NULL, 1, 'x', 1.0)")
    with StoredGrants(path, clock) as grants:
        assert grants.allows_chat("team@g.us")
        assert grants.allows(BOB)
    (tmp_path / "grants.key").unlink()

    with StoredGrants(path, clock) as grants:
        assert not grants.allows_chat("team@g.us")
        assert not grants.allows(BOB)


def test_a_person_is_still_allowed_when_the_other_address_was_added(tmp_path, clock):
    path = tmp_path / "grants.sqlite3"
    with StoredGrants(path, clock) as grants:
        grants.decide(Person(phone=ANNA.phone), is_allowed=True, by=OWNER)
        assert grants.allows(ANNA)

    with StoredGrants(path, clock) as grants:
        assert grants.allows(Person(lid=ANNA.lid))


def test_a_key_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "grants.key").write_bytes(b"short")

    with pytest.raises(DataError, match=r"grants.key is not a key\. Move it away"):
        StoredGrants(tmp_path / "grants.sqlite3").__enter__()


def test_the_key_is_for_its_owner_only(grants, tmp_path):
    assert (tmp_path / "data" / "grants.key").stat().st_mode & 0o777 == 0o600
    assert not list((tmp_path / "data").glob(".grants*"))


def test_an_owner_has_the_lid_of_the_first_contact(grants, clock, tmp_path):
    owner = Person(phone=OWNER)
    first, second = Person(OWNER, "1@lid"), Person(OWNER, "2@lid")
    assert grants.knows_owner(owner)
    assert grants.knows_owner(first)
    assert grants.take_news() == []

    assert not grants.knows_owner(second)
    assert not grants.knows_owner(second)
    assert grants.take_news() == [
        f"The number of an owner, {OWNER}, writes with another LID (2@lid) than before (1@lid), "
        "so I do not obey it. If that is you: /allow 2@lid"
    ]
    assert grants.take_news() == []
    assert grants.knows_owner(first)
    assert grants.confirm_owner("3@lid") is None
    assert grants.confirm_owner("2@lid") == OWNER
    assert grants.knows_owner(second)
    with StoredGrants(tmp_path / "data" / "grants.sqlite3", clock) as again:
        assert not again.knows_owner(first)


def test_the_end_of_the_block_closes_the_database(clock, tmp_path):
    with StoredGrants(tmp_path / "grants.sqlite3", clock) as grants:
        grants.decide(ANNA, is_allowed=True, by=OWNER)
        assert list(tmp_path.glob("*-wal"))

    assert not list(tmp_path.glob("*-wal")), f"{grants} left its log open"
