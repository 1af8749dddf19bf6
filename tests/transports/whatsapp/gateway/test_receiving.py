"""The way in, without the library: events as bytes, frames out."""

import asyncio
import logging

import pytest
from neonize.proto.Neonize_pb2 import UndecryptableMessage
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content

from butler.transports.whatsapp.account import Account
from butler.transports.whatsapp.gateway import receiving
from butler.transports.whatsapp.gateway.receiving import Receiver
from butler.transports.whatsapp.gateway.translation import Translator, key
from butler.transports.whatsapp.gateway.undecryptable import UndecryptableMessages
from butler.transports.whatsapp.journal.database import Journal, UnwritableError
from butler.transports.whatsapp.journal.inbox import Key
from butler.transports.whatsapp.protocol.frames import (
    Acknowledge,
    Acknowledged,
    Ignored,
    Incoming,
    Unreadable,
)
from library_events import event, filled
from whatsapp_daemon import eventually


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite3") as journal:
        yield journal


@pytest.fixture
def translator(journal):
    account = Account("+15550100000", "900@lid", device=3)
    return Translator(account, journal.people, journal.outbox)


@pytest.fixture
def told():
    return []


@pytest.fixture
def tell(told):
    async def tell(*frames):
        told.extend(frames)

    return tell


async def is_failing(journal):
    """Wait until the journal cannot be written."""
    await eventually(lambda: journal._is_failing)


@pytest.fixture
def settled():
    settled = asyncio.Event()
    settled.set()
    return settled


@pytest.fixture
async def receiver(journal, tell, settled):
    return Receiver(journal, tell, settled, asyncio.get_running_loop())


@pytest.fixture
async def handing(receiver, translator):
    tasks = [
        asyncio.create_task(receiver.hand_over(translator)),
        asyncio.create_task(receiver.finish_turns()),
    ]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_events_come_out_as_messages_in_order(receiver, told, handing):
    for number in range(250):
        receiver.keep(event(f"{number}", message_id=f"{number}").SerializeToString())
    await eventually(lambda: len(told) == 250)

    assert [frame.message.text for frame in told] == [f"{number}" for number in range(250)]


async def test_no_more_are_handed_than_the_daemon_can_hold(receiver, told, handing, monkeypatch):
    monkeypatch.setattr(receiving, "MOST_IN_HAND", 3)
    for number in range(5):
        receiver.keep(event("x", message_id=f"{number}").SerializeToString())
    await eventually(lambda: len(told) == 3)
    receiver.acknowledge(Acknowledge((told[0].row,)))
    await eventually(lambda: len(told) == 5)

    assert told[3:] == [Acknowledged((1,)), told[4]]
    assert [frame.row for frame in (*told[:3], told[4])] == [1, 2, 3, 4]


async def test_a_message_that_nothing_waits_before_takes_one_commit(
    receiver, journal, told, handing, monkeypatch
):
    monkeypatch.setattr(journal.inbox, "hand", lambda _rows: pytest.fail("a second commit"))
    changed = mocked_changes(journal, monkeypatch)
    for number in range(3):
        receiver.keep(event("x", message_id=f"{number}").SerializeToString())
        await eventually(lambda count=number + 1: len(told) == count)

    assert [frame.row for frame in told] == [1, 2, 3]
    assert changed == ["insert"] * 3
    assert [each.row for each in journal.inbox.open(0, 9)] == [1, 2, 3]


async def test_what_was_stored_as_handed_and_never_told_is_told_by_the_next_gateway(
    receiver, journal, translator, told, tell, settled
):
    receiver.keep(event("x").SerializeToString())
    following = Receiver(journal, tell, settled, asyncio.get_running_loop())
    handing = asyncio.create_task(following.hand_over(translator))
    await eventually(lambda: told)
    handing.cancel()

    assert [frame.row for frame in told] == [1]


async def test_what_came_before_is_told_before_a_message_stored_as_handed(
    receiver, settled, told, handing
):
    settled.clear()
    receiver.keep(event("one", message_id="1").SerializeToString())
    settled.set()
    for number in range(2, 5):
        receiver.keep(event(f"{number}", message_id=f"{number}").SerializeToString())
    await eventually(lambda: len(told) == 4)

    assert [frame.row for frame in told] == [1, 2, 3, 4]


def mocked_changes(journal, monkeypatch):
    """Return a list that every commit of the journal is added to."""
    commits = []
    for name in ("insert", "change", "write"):
        whole = getattr(journal._database, name)

        def noted(*args, name=name, whole=whole):
            commits.append(name)
            return whole(*args)

        monkeypatch.setattr(journal._database, name, noted)
    return commits


async def test_where_more_comes_meanwhile_it_is_gathered_for_a_moment(
    journal, translator, told, mocker
):
    sleep = mocker.patch.object(receiving.asyncio, "sleep", wraps=asyncio.sleep)
    settled = asyncio.Event()
    settled.set()

    async def tell(*frames):
        told.append([frame.row for frame in frames])
        if told == [[1]]:
            keep(2)

    def keep(number):
        receiver.keep(event("x", message_id=f"{number}").SerializeToString())

    receiver = Receiver(journal, tell, settled, asyncio.get_running_loop())
    handing = asyncio.create_task(receiver.hand_over(translator))
    keep(1)
    await eventually(lambda: len(told) == 2)
    handing.cancel()

    assert told == [[1], [2]]
    assert sleep.mock_calls.count(mocker.call(receiving.GATHER_S)) == 1


async def test_a_turn_that_ends_while_it_is_handed_again_is_not_handed_afterwards(
    receiver, journal, translator, tell, settled, told, monkeypatch
):
    monkeypatch.setattr(receiving, "RETRY_S", 0.01)
    hand, is_full = journal.inbox.hand, [True]

    def hand_at_last(rows):
        if is_full.pop():
            is_full.append(False)
            # The daemon has all from the last gateway, and is done with the second one.
            finishing.acknowledge(Acknowledge((2,)))
            raise UnwritableError("not now")
        hand(rows)

    for number in range(3):
        receiver.keep(event("x", message_id=f"{number}").SerializeToString())
    journal.inbox.hand([1, 2, 3])
    monkeypatch.setattr(journal.inbox, "hand", hand_at_last)
    finishing = Receiver(journal, tell, settled, asyncio.get_running_loop())
    tasks = [
        asyncio.create_task(finishing.hand_over(translator)),
        asyncio.create_task(finishing.finish_turns()),
    ]
    await eventually(lambda: len(told) == 3)
    for task in tasks:
        task.cancel()

    assert told[0] == Acknowledged((2,))
    assert [frame.row for frame in told[1:]] == [1, 3]


async def test_bytes_that_are_no_event_are_set_aside_and_logged_once(
    receiver, told, handing, caplog
):
    for _ in range(2):
        receiver.keep(b"\xff not protobuf")
    receiver.keep(event("next").SerializeToString())
    await eventually(lambda: told)

    assert [frame.message.text for frame in told] == ["next"]
    assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 1


async def test_an_entry_that_has_become_unreadable_is_logged_with_its_id(
    receiver, journal, told, translator, caplog
):
    journal.inbox.add(Key("BAD", "800@lid", "800@lid"), b"\xff not protobuf")
    receiver.keep(event("next").SerializeToString())
    task = asyncio.create_task(receiver.hand_over(translator))
    await eventually(lambda: told)
    task.cancel()

    assert [frame.message.text for frame in told] == ["next"]
    assert caplog.messages == ["message BAD in the journal cannot be read"]
    assert journal.inbox.has(Key("BAD", "800@lid", "800@lid"))


async def test_a_group_key_alone_is_not_kept(receiver, journal):
    content = Content(senderKeyDistributionMessage={"groupID": "1@g.us"})
    receiver.keep(event(content).SerializeToString())

    assert journal.inbox.open(0, 10) == []


async def test_on_a_full_disk_the_end_of_a_turn_waits(
    receiver, journal, told, handing, monkeypatch
):
    monkeypatch.setattr(receiving, "RETRY_S", 0.01)
    receiver.keep(event("x").SerializeToString())
    await eventually(lambda: told)
    journal.rows("PRAGMA query_only = ON")
    receiver.acknowledge(Acknowledge((1,)))
    await is_failing(journal)
    journal.rows("PRAGMA query_only = OFF")
    await eventually(lambda: Acknowledged((1,)) in told)

    assert journal.inbox.open(0, 1) == []


async def test_an_edit_that_waits_changes_its_message_also_after_a_crash(
    receiver, journal, told, translator, tell, settled
):
    receiver.keep(event("/use ap", message_id="A1").SerializeToString())
    for number, text in enumerate(("/use apx", "/use api")):
        edit = Content(
            protocolMessage={
                "key": {"ID": "A1"},
                "type": "MESSAGE_EDIT",
                "editedMessage": {"conversation": text},
            }
        )
        receiver.keep(event(edit, message_id=f"E{number}").SerializeToString())

    for _ in range(2):
        again = Receiver(journal, tell, settled, asyncio.get_running_loop())
        task = asyncio.create_task(again.hand_over(translator))
        await eventually(lambda: told)
        task.cancel()
        assert [(type(frame), frame.message.text) for frame in told] == [(Incoming, "/use api")]
        told.clear()


def _edit(target, message_id, text, sender="800@lid"):
    content = Content(
        protocolMessage={
            "key": {"ID": target},
            "type": "MESSAGE_EDIT",
            "editedMessage": {"conversation": text},
        }
    )
    return event(content, message_id=message_id, sender=sender, chat="800@lid").SerializeToString()


async def test_an_edit_of_a_message_that_the_daemon_has_takes_its_place_also_after_a_crash(
    receiver, journal, told, handing, translator, tell, settled
):
    receiver.keep(event("/use ap", message_id="A1").SerializeToString())
    await eventually(lambda: told)
    receiver.keep(_edit("A1", "E0", "/use web", sender="801@lid"))
    receiver.keep(_edit("A1", "E1", "/use api"))
    await eventually(lambda: len(told) == 3)
    assert told[1].rule == "edited after it was handled"
    assert (told[2].row, told[2].message.id, told[2].message.text) == (1, "A1", "/use api")

    again = Receiver(journal, tell, settled, asyncio.get_running_loop())
    task = asyncio.create_task(again.hand_over(translator))
    await eventually(lambda: len(told) == 5)
    task.cancel()

    assert [each.is_edit for each in (told[2], told[3])] == [True, False]
    assert told[3].message == told[2].message
    assert told[4].message.id == "E0"


async def test_a_message_whose_turn_is_over_is_not_edited(receiver, told, handing):
    receiver.keep(event("/use ap", message_id="A1").SerializeToString())
    await eventually(lambda: told)
    receiver.acknowledge(Acknowledge((1,)))
    await eventually(lambda: len(told) == 2)
    receiver.keep(_edit("A1", "E1", "/use api"))
    await eventually(lambda: len(told) == 3)

    assert (told[2].row, told[2].rule) == (2, "edited after it was handled")


def _deletion(target, message_id, sender="800@lid"):
    content = Content(protocolMessage={"key": {"ID": target}, "type": "REVOKE"})
    return event(content, message_id=message_id, sender=sender, chat="800@lid").SerializeToString()


async def test_a_deletion_withdraws_a_message_that_waits_also_after_a_crash(
    receiver, journal, told, translator, tell, settled
):
    receiver.keep(event("/use api", message_id="A1").SerializeToString())
    receiver.keep(_deletion("A1", "D1"))

    for _ in range(2):
        again = Receiver(journal, tell, settled, asyncio.get_running_loop())
        task = asyncio.create_task(again.hand_over(translator))
        await eventually(lambda: told)
        task.cancel()
        assert [(frame.row, frame.message.id, frame.rule) for frame in told] == [
            (1, "A1", "withdrawn")
        ]
        assert told.pop().withdraws is None


async def test_a_deletion_names_the_row_of_a_message_that_the_daemon_has(receiver, told, handing):
    receiver.keep(event("/use api", message_id="A1").SerializeToString())
    await eventually(lambda: told)
    receiver.keep(_deletion("A1", "D1"))
    receiver.keep(_deletion("A1", "D2", sender="801@lid"))
    receiver.keep(_deletion("A2", "D3"))
    await eventually(lambda: len(told) == 4)

    assert [(frame.rule, frame.withdraws) for frame in told[1:]] == [
        ("deleted", 1),
        ("deleted", None),
        ("deleted", None),
    ]


async def test_a_message_and_its_deletion_that_a_killed_daemon_had_come_as_one(
    receiver, journal, told, handing, translator, tell, settled
):
    receiver.keep(event("/use api", message_id="A1").SerializeToString())
    await eventually(lambda: told)
    receiver.keep(_deletion("A1", "D1"))
    await eventually(lambda: len(told) == 2)
    told.clear()

    again = Receiver(journal, tell, settled, asyncio.get_running_loop())
    task = asyncio.create_task(again.hand_over(translator))
    await eventually(lambda: told)
    task.cancel()

    assert [(frame.row, frame.rule) for frame in told] == [(1, "withdrawn")]


async def test_duplicates_are_reported(receiver, told, handing):
    for _ in range(2):
        receiver.keep(event("x").SerializeToString())
    await eventually(lambda: len(told) == 2)

    assert {type(frame): frame.row for frame in told} == {Incoming: 1, Ignored: None}


def _undecryptable(
    mode=UndecryptableMessage.DECRYPT_FAIL_SHOW, is_unavailable=False, message_id="A1"
):
    failure = UndecryptableMessage(IsUnavailable=is_unavailable, DecryptFailMode=mode)
    failure.Info.CopyFrom(event("", message_id=message_id).Info)
    return filled(failure).SerializeToString()


@pytest.mark.parametrize("is_unavailable", [False, True])
async def test_what_does_not_come_again_is_reported_once(
    journal, tell, told, translator, is_unavailable
):
    repairs = UndecryptableMessages(journal.inbox, tell, wait_s=0.01)
    for _ in range(3):
        repairs.expect(_undecryptable(is_unavailable=is_unavailable))
    task = asyncio.create_task(repairs.report(translator))
    await eventually(lambda: told)
    task.cancel()

    assert [type(frame) for frame in told] == [Unreadable]
    assert told[0].is_lost is not is_unavailable
    assert told[0].message.text == ""


async def test_what_came_again_or_is_decoration_is_not_reported(journal, tell, told, translator):
    repairs = UndecryptableMessages(journal.inbox, tell, wait_s=0.0)
    repairs.expect(_undecryptable(UndecryptableMessage.DECRYPT_FAIL_HIDE))
    assert not repairs._expected
    repairs.expect(_undecryptable())
    journal.inbox.add(key(event("").Info), b"repaired")
    task = asyncio.create_task(repairs.report(translator))
    await eventually(lambda: not repairs._expected)
    task.cancel()

    assert told == []


async def test_when_nothing_can_be_decrypted_any_longer_that_is_said_once_with_the_way_out(
    journal, tell, told, translator, caplog
):
    reports = []
    repairs = UndecryptableMessages(
        *(journal.inbox, tell, 0.0), lambda count, is_deaf: reports.append((count, is_deaf))
    )
    task = asyncio.create_task(repairs.report(translator))
    for number in range(4):
        repairs.expect(_undecryptable(message_id=f"U{number}"))
        await eventually(lambda number=number: len(told) == number + 1)
    repairs.note_readable()
    task.cancel()

    assert reports == [(1, False), (2, False), (3, True), (4, True), (4, False)]
    assert caplog.text.count("butler unlink, then butler pair") == 1


@pytest.mark.parametrize("count", [1, 3])
async def test_a_message_that_is_handed_over_while_it_is_stored_has_had_its_time_noted(
    journal, settled, translator, monkeypatch, count
):
    happened, handed = [], asyncio.Event()

    async def tell(*frames):
        happened.extend("handed" for _ in frames)
        handed.set()

    receiver = Receiver(
        journal, tell, settled, asyncio.get_running_loop(), lambda _at: happened.append("noted")
    )
    add = journal.inbox.add

    def stored_and_seen_at_once(*args, **keywords):
        row = add(*args, **keywords)
        happened.append("live" if receiver._live else "unknown")
        return row

    monkeypatch.setattr(journal.inbox, "add", stored_and_seen_at_once)
    for number in range(count):
        receiver.keep(event("hi", message_id=f"A{number}").SerializeToString())
    handing = asyncio.create_task(receiver.hand_over(translator))
    await handed.wait()
    handing.cancel()

    assert happened[:count] == ["live"] * count
    assert happened[count : 2 * count] == ["noted"] * count
