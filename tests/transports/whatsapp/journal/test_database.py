"""The gateway's file."""

import os
import sqlite3
import time
from contextlib import closing

import pytest

from butler.chat.message import Person
from butler.errors import DataError
from butler.transports.whatsapp.journal import database as journal_module
from butler.transports.whatsapp.journal import inbox
from butler.transports.whatsapp.journal.database import Journal, UnwritableError
from butler.transports.whatsapp.journal.inbox import Key, State
from butler.transports.whatsapp.journal.outbox import CUT_SHORT, Outcome

KEY = Key("A1", "120363@g.us", "800@lid")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def journal(path):
    with Journal(path) as journal:
        yield journal


def test_only_the_user_can_read_it(journal, path):
    journal.inbox.add(KEY, b"event")

    assert {each.stat().st_mode & 0o777 for each in path.parent.glob("*sqlite3*")} == {0o600}


def test_a_message_is_kept_once(journal):
    assert journal.inbox.add(KEY, b"event")
    assert not journal.inbox.add(KEY, b"event again")
    assert journal.inbox.add(KEY._replace(chat="other@g.us"), b"another")
    assert journal.inbox.add(KEY._replace(sender="801@lid"), b"another")


def test_messages_come_out_in_order_until_their_turn_is_over(path):
    with Journal(path) as journal:
        for number in range(4):
            journal.inbox.add(KEY._replace(message_id=f"{number}"), b"%d" % number)
        first, second, third, fourth = journal.inbox.open(0, 10)
        journal.inbox.hand([first.row, second.row])
        journal.inbox.finish([first.row])
        journal.inbox.set_aside(third.row)

    with Journal(path) as journal:
        assert journal.inbox.open(0, 10) == [second, fourth]
        assert journal.inbox.open(second.row, 10) == [fourth]
        assert journal.inbox.open(0, 1) == [second]
        assert not journal.inbox.add(first.key, b"a late duplicate")


def test_edits_wait_for_their_message_until_they_are_over(journal):
    journal.inbox.add(KEY, b"event")
    journal.inbox.add(KEY._replace(message_id="E1"), b"edit", edits="A1")
    journal.inbox.add(KEY._replace(message_id="E2", sender="x@lid"), b"forged", edits="A1")

    other = KEY._replace(message_id="A2")
    (found,) = journal.inbox.changes_of([other, KEY])[KEY]
    journal.inbox.hand([found.row])
    assert journal.inbox.changes_of([KEY])[KEY] == [found]
    assert other not in journal.inbox.changes_of([KEY, other])
    journal.inbox.finish([found.row])

    assert (found.key.message_id, found.event) == ("E1", b"edit")
    assert KEY not in journal.inbox.changes_of([KEY])


def test_the_author_is_the_address_that_was_received(journal):
    journal.inbox.add(KEY, b"event", author="49@s.whatsapp.net")
    journal.inbox.add(KEY._replace(chat="other@g.us"), b"event", author="50@s.whatsapp.net")

    assert journal.inbox.author("A1", KEY.chat) == "49@s.whatsapp.net"
    assert journal.inbox.author("A1", "other@g.us") == "50@s.whatsapp.net"
    assert journal.inbox.author("A2", KEY.chat) is None


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (lambda outbox: outbox.sent("k", "ID"), Outcome("ID")),
        (lambda outbox: outbox.unknown("k", "why"), Outcome(None, "why")),
        (lambda outbox: outbox.recover(), Outcome(None, CUT_SHORT)),
        (lambda outbox: outbox.failed("k", "why"), None),
        (lambda _outbox: None, None),
    ],
)
def test_a_reply_may_be_sent_again_only_if_it_was_surely_not_sent(journal, end, outcome):
    journal.outbox.begin("k", "chat")
    end(journal.outbox)

    assert journal.outbox.outcome("k") == outcome


def test_a_reply_that_waits_is_kept_until_it_is_being_sent(journal):
    journal.outbox.ask("chat", [("7.1", b"first")])
    journal.outbox.ask("chat", [("7.1", b"second")])
    journal.outbox.ask("chat", [("8.1", b"another")])
    assert journal.outbox.waiting() == [("7.1", b"first"), ("8.1", b"another")]

    journal.outbox.begin("7.1", "chat")
    journal.outbox.drop("8.1")

    assert journal.outbox.waiting() == []

    journal.outbox.wait_on("7.1", b"first")
    assert journal.outbox.waiting() == [("7.1", b"first")]


@pytest.mark.parametrize(
    "settle",
    [
        lambda outbox: outbox.sent("7.1", "ID"),
        lambda outbox: outbox.failed("7.1", "why"),
        lambda outbox: outbox.unknown("7.1", "why"),
        lambda outbox: outbox.recover(),
    ],
)
def test_the_text_of_a_reply_is_kept_no_longer_than_it_waits(journal, settle):
    journal.outbox.ask("chat", [("7.1", b"text")])
    journal.outbox.begin("7.1", "chat")

    settle(journal.outbox)

    assert journal.rows("SELECT key, request FROM outbox") == [("7.1", None)]


def test_the_parts_of_a_text_are_kept_all_or_none_and_in_their_order(journal):
    parts = [(f"7.{number}", b"part") for number in (11, 2, 10, 1)]

    with pytest.raises(DataError):
        journal.outbox.ask("chat", [*parts, ("7.3", None), (None, b"no key")])
    assert journal.outbox.waiting() == []

    journal.outbox.ask("chat", parts)
    assert journal.outbox.waiting() == parts


def test_a_journal_from_before_replies_were_kept_goes_on(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE outbox (key TEXT PRIMARY KEY, chat TEXT NOT NULL, state TEXT NOT NULL, "
            "message_id TEXT, reason TEXT NOT NULL DEFAULT '', time REAL NOT NULL) WITHOUT ROWID"
        )
        db.execute("INSERT INTO outbox VALUES ('7.1', 'chat', 'sent', 'ID', '', 0)")
        db.commit()

    for number in (8, 9):
        with Journal(path) as journal:
            journal.outbox.ask("chat", [(f"{number}.1", b"kept")])
            assert journal.outbox.outcome("7.1") == Outcome("ID")
            assert journal.outbox.waiting()[-1] == (f"{number}.1", b"kept")


def test_a_turn_that_is_over_is_not_handed_again(journal):
    journal.inbox.add(KEY, b"event")
    journal.inbox.finish([1])
    journal.inbox.hand([1])

    assert journal.inbox.open(0, 10) == []


def test_own_replies_are_known_by_their_id(journal):
    journal.outbox.begin("k", "chat")
    journal.outbox.sent("k", "ID")

    assert journal.outbox.has("ID")
    assert not journal.outbox.has("A1")


def test_what_is_finished_is_forgotten_after_thirty_days(journal, mocker):
    journal.inbox.add(KEY, b"event")
    journal.inbox.add(KEY._replace(message_id="A2"), b"open")
    journal.inbox.finish([1])
    journal.outbox.begin("k", "chat")
    journal.outbox.sent("k", "ID")
    now = journal_module.time.time()

    journal.prune()
    assert not journal.inbox.add(KEY, b"event")

    mocker.patch.object(journal_module.time, "time", return_value=now + 31 * 24 * 3600)
    journal.prune()

    assert journal.inbox.add(KEY, b"event")
    assert journal.inbox.has(KEY._replace(message_id="A2"))
    assert not journal.outbox.has("ID")


def test_what_could_not_be_read_is_forgotten_after_thirty_days_too(journal, mocker):
    journal.inbox.add(KEY, b"broken")
    journal.inbox.set_aside(1)
    journal.inbox.add(KEY._replace(message_id="A2"), b"open")
    later = journal_module.time.time() + 31 * 24 * 3600
    mocker.patch.object(journal_module.time, "time", return_value=later)

    journal.prune()

    assert not journal.inbox.has(KEY)


def test_a_row_that_was_forgotten_gives_its_number_to_no_other(tmp_path, mocker):
    path, later = tmp_path / "journal.sqlite3", journal_module.time.time() + 31 * 24 * 3600
    with Journal(path) as journal:
        for number in range(3):
            journal.inbox.add(KEY._replace(message_id=f"{number}"), b"event")
        journal.inbox.finish([1, 2, 3])
        mocker.patch.object(journal_module.time, "time", return_value=later)
        journal.prune()
        assert not journal.inbox.has(KEY._replace(message_id="1"))
        assert journal.inbox.has(KEY._replace(message_id="2"))

    with Journal(path) as journal:
        journal.inbox.add(KEY, b"event")
        (entry,) = journal.inbox.open(0, 10)
    assert entry.row == 4


def test_an_address_that_goes_to_somebody_else_is_no_longer_the_first_ones(journal):
    people = journal.people
    people.complete(Person("+491", "1@lid"))
    people.complete(Person("+492", "2@lid"))

    people.complete(Person("+492", "1@lid"))

    for _ in range(2):
        assert people.complete(Person(lid="1@lid")).phone == "+492"
        assert people.complete(Person(phone="+492")).lid == "1@lid"
        assert people.complete(Person(phone="+491")).lid is None
        assert people.complete(Person(lid="2@lid")).phone is None
        people._remembered.clear()
    assert people.complete(Person()).phone is None


def test_somebody_who_was_unknown_is_known_once_seen_with_both_addresses(journal):
    assert journal.people.complete(Person(lid="1@lid")).phone is None

    journal.people.complete(Person("+491", "1@lid"))

    assert journal.people.complete(Person(lid="1@lid")).phone == "+491"


def test_people_are_remembered_up_to_a_number_and_looked_up_beyond_it(journal, monkeypatch):
    monkeypatch.setattr("butler.transports.whatsapp.journal.addresses._MOST_REMEMBERED", 4)
    for number in range(5):
        journal.people.complete(Person(f"+49{number}", f"{number}@lid"))

    assert len(journal.people._remembered) <= 4 + 1
    assert journal.people.complete(Person(lid="0@lid")).phone == "+490"


@pytest.mark.parametrize("content", [b"no database at all " * 100, b""])
def test_a_file_that_is_no_journal_is_left_as_it_is(path, content):
    path.write_bytes(content)

    if content:
        with pytest.raises(DataError, match=r"The journal .* is damaged: .*\. Move it away"):
            Journal(path)

    assert path.read_bytes() == content


def test_a_truncated_journal_is_said_to_be_damaged(path):
    with Journal(path) as journal:
        for number in range(200):
            journal.inbox.add(KEY._replace(message_id=f"{number}"), b"x" * 1000)
    os.truncate(path, path.stat().st_size // 2)
    before = path.read_bytes()

    with pytest.raises(DataError, match="is damaged"):
        Journal(path)

    assert path.read_bytes() == before


def test_damage_found_later_is_said_too(journal, path):
    journal.change("DROP TABLE inbox")
    journal.change("PRAGMA writable_schema = ON")
    journal.change("UPDATE sqlite_master SET sql = 'CREATE TABLE outbox (' WHERE name = 'outbox'")
    journal.change("PRAGMA writable_schema = RESET")

    with pytest.raises(DataError, match="is damaged"):
        journal.outbox.begin("k", "chat")


def test_a_folder_in_its_place_is_said(tmp_path):
    with pytest.raises(DataError, match="cannot be"):
        Journal(tmp_path)


def test_a_journal_in_use_by_something_else_is_said(path):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE VIEW inbox AS SELECT 1")
    db.close()

    with pytest.raises(DataError, match="cannot be used"):
        Journal(path)


def test_a_full_disk_is_logged_once_and_nothing_there_is_lost(journal, path, caplog):
    journal.inbox.add(KEY, b"event")
    (pages,) = journal.rows("PRAGMA page_count")[0]
    journal.rows(f"PRAGMA max_page_count = {pages}")

    for number in range(3):
        with pytest.raises(UnwritableError):
            journal.inbox.add(KEY._replace(message_id=f"{number}"), b"x" * 100_000)
        journal.inbox.finish([999])
    journal.rows("PRAGMA max_page_count = 100000")
    journal.inbox.add(KEY._replace(message_id="last"), b"x" * 100_000)

    assert [entry.key.message_id for entry in journal.inbox.open(0, 10)] == ["A1", "last"]
    assert [record.getMessage() for record in caplog.records] == [
        f"the journal cannot be written, retrying: {path} cannot be used: "
        "the disk is full; free some space.",
        "the journal is writable again",
    ]


def test_broken_events_can_be_added_as_such(journal):
    assert journal.inbox.add(KEY, b"garbage", state=State.BROKEN)
    assert journal.inbox.open(0, 10) == []


def test_what_was_without_effect_is_kept_until_nobody_can_edit_it(journal, mocker):
    key = Key("A1", "1@lid", "1@lid")
    journal.inbox.add(key, b"one")
    journal.inbox.hand([1])
    journal.inbox.finish_without_effect([1])
    assert journal.inbox.open(0, 10) == []
    journal.prune()
    assert journal.inbox.kept(key).state is State.WITHOUT_EFFECT

    mocker.patch("time.time", return_value=time.time() + inbox.EDITABLE_S + 1)
    journal.prune()

    assert journal.inbox.kept(key) is None
    assert journal.inbox.has(key)


def test_a_message_that_waits_once_more_is_the_last_one(journal):
    first, second = Key("A1", "1@lid", "1@lid"), Key("A2", "1@lid", "1@lid")
    journal.inbox.add(first, b"one")
    journal.inbox.add(second, b"two")
    journal.inbox.finish_without_effect([1])
    journal.inbox.reopen(1, b"one, edited")

    waiting = journal.inbox.open(0, 10)

    assert [(each.row, each.key, each.event) for each in waiting] == [
        (2, second, b"two"),
        (3, first, b"one, edited"),
    ]
