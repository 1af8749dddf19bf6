"""The way out, without the library: what a sender asks of it, and what the daemon is told."""

import asyncio

import pytest

from butler.transports.whatsapp.gateway import preparation, receiving, sending
from butler.transports.whatsapp.gateway.pacing import Pacer
from butler.transports.whatsapp.gateway.send_errors import GatewayEnd, SendError
from butler.transports.whatsapp.gateway.sending import Sender
from butler.transports.whatsapp.journal import outbox, set_aside
from butler.transports.whatsapp.journal.database import Journal
from butler.transports.whatsapp.protocol.frames import NotSent, Send, Sent
from whatsapp_daemon import eventually

FIRST, SECOND = Send("k1", "1@lid", "one"), Send("k2", "1@lid", "two")
PARTS = (
    Send("7.1", "1@lid", "one"),
    Send("7.2", "1@lid", "two", follows="7.1"),
    Send("7.3", "1@lid", "three", follows="7.2"),
)
UNKNOWN = (
    "A reply may or may not have arrived, so it is not retried: "
    "WhatsApp did not acknowledge it in time."
)


class Library:
    """Acknowledges what it is given, unless it is told otherwise."""

    def __init__(self):
        self.taken = asyncio.Queue()
        self.is_deaf = False
        self.refusals = []

    async def send(self, chat_id, content):
        self.taken.put_nowait(content.extendedTextMessage.text)
        if self.is_deaf:
            await asyncio.Event().wait()
        if self.refusals:
            raise SendError(self.refusals.pop(0))
        return f"id of {content.extendedTextMessage.text}"

    async def upload(self, data, *, is_picture=False):
        await asyncio.Event().wait()


class Sending:
    """A sender at work, and what it told the daemon."""

    def __init__(self, journal):
        self.client = Library()
        self.told = asyncio.Queue()
        self.sent_to = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.sender = Sender(
            *(self.client, journal, self.told.put, self.is_open, 600, Pacer(None)),
            on_sent=self.sent_to.append,
        )

    async def __aenter__(self):
        self._tasks = [
            asyncio.create_task(self.sender.pace()),
            asyncio.create_task(self.sender.send_all()),
        ]
        return self

    async def __aexit__(self, *_error):
        for task in self._tasks:
            task.cancel()
        self.results = await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite3") as journal:
        yield journal


async def test_a_last_call_ends_the_wait_for_an_acknowledgement_but_not_the_gateway(
    journal, monkeypatch
):
    monkeypatch.setattr(sending, "LAST_CALL_S", 0.05)
    async with Sending(journal) as at_work:
        at_work.client.is_deaf = True
        at_work.sender.ask(FIRST)
        at_work.sender.ask(SECOND)
        await at_work.client.taken.get()
        at_work.sender.call_last()
        told = await at_work.told.get()

    assert told == NotSent("k1", UNKNOWN, may_have_arrived=True)
    assert journal.outbox.outcome("k1").message_id is None
    assert journal.outbox.outcome("k2") is None
    assert at_work.client.taken.empty()
    assert not any(isinstance(each, GatewayEnd) for each in at_work.results)


async def test_after_a_last_call_replies_are_still_sent(journal):
    async with Sending(journal) as at_work:
        at_work.sender.call_last()
        at_work.sender.ask(FIRST)
        told = await at_work.told.get()

    assert told == Sent("k1", "id of one")


async def test_only_a_chat_that_was_really_written_to_is_named(journal):
    async with Sending(journal) as at_work:
        at_work.client.refusals = ["server returned error 463"]
        at_work.sender.ask(Send("k0", "2@lid", "refused"))
        at_work.sender.ask(FIRST)
        for _ in range(2):
            await at_work.told.get()
        await eventually(lambda: at_work.sent_to)

    assert at_work.sent_to == ["1@lid"]


async def test_what_a_turn_asked_a_killed_gateway_for_is_sent_by_the_next_one(journal):
    turn, job = Send("7.1", "1@lid", "one"), Send("5ab4", "1@lid", "two")
    notice = Send("7.1", "1@lid", "in its place")
    killed = Sending(journal)
    for request in (turn, job):
        killed.sender.ask(request)
    journal.outbox.recover()

    async with Sending(journal) as at_work:
        at_work.is_open.clear()
        await at_work.sender.resume()
        at_work.sender.ask(notice)
        at_work.sender.ask(SECOND)
        at_work.is_open.set()
        told = [await at_work.told.get() for _ in range(2)]
        at_work.sender.ask(notice)
        told.append(await at_work.told.get())

    assert told == [Sent("7.1", "id of one"), Sent("k2", "id of two"), Sent("7.1", "id of one")]
    assert at_work.client.taken.qsize() == 2


async def test_what_was_being_sent_is_not_taken_up_again(journal):
    async with Sending(journal) as at_work:
        at_work.client.is_deaf = True
        at_work.sender.ask(Send("7.1", "1@lid", "one"))
        await at_work.client.taken.get()
    journal.outbox.recover()

    assert journal.outbox.waiting() == []
    assert journal.outbox.outcome("7.1").message_id is None


async def test_a_gateway_killed_in_the_middle_of_a_long_text_leaves_the_rest_to_the_next(journal):
    async with Sending(journal) as at_work:
        at_work.client.is_deaf = True
        at_work.sender.ask(*PARTS)
        await at_work.client.taken.get()
    journal.outbox.recover()

    async with Sending(journal) as at_work:
        await at_work.sender.resume()
        told = [await at_work.told.get() for _ in range(2)]

    assert told == [Sent("7.2", "id of two"), Sent("7.3", "id of three")]


async def test_what_comes_behind_a_part_that_was_refused_is_not_sent(journal):
    async with Sending(journal) as at_work:
        at_work.client.refusals = ["server returned error 463"]
        at_work.sender.ask(*PARTS)
        told = [await at_work.told.get() for _ in range(3)]

    assert [type(each) for each in told] == [NotSent] * 3
    assert told[1].reason == "WhatsApp rejected a reply: the part before it was rejected."
    assert at_work.client.taken.qsize() == 1


async def test_a_reply_that_left_nothing_behind_outlives_a_killed_gateway_in_its_place(journal):
    async with Sending(journal) as at_work:
        at_work.client.refusals = ["websocket not connected"]
        at_work.sender.ask(*PARTS)
        await at_work.client.taken.get()
        await eventually(lambda: not at_work.is_open.is_set())
    journal.outbox.recover()

    assert [key for key, _body in journal.outbox.waiting()] == ["7.1", "7.2", "7.3"]


async def test_what_nobody_waits_for_any_more_is_not_taken_up(journal):
    async with Sending(journal) as at_work:
        at_work.is_open.clear()
        at_work.sender.ask(Send("7.1", "1@lid", "one"))
        at_work.sender.retract("7.1")
        at_work.is_open.set()
        told = await at_work.told.get()

    assert told == NotSent("7.1", "WhatsApp rejected a reply: it was cancelled.")
    assert journal.outbox.waiting() == []


async def test_a_reply_that_waited_too_long_gives_way_to_another_with_its_key(journal, mocker):
    Sending(journal).sender.ask(Send("7.1", "1@lid", "one"))
    now = outbox.time.time()
    mocker.patch.object(outbox.time, "time", return_value=now + outbox.KEEP_S + 1)
    journal.outbox.recover()

    async with Sending(journal) as at_work:
        await at_work.sender.resume()
        at_work.sender.ask(Send("7.1", "1@lid", "in its place"))
        told = await at_work.told.get()

    assert told == Sent("7.1", "id of in its place")


async def test_a_reply_that_was_refused_gives_way_to_another_with_its_key(journal):
    async with Sending(journal) as at_work:
        at_work.client.refusals = ["server returned error 463"]
        at_work.sender.ask(Send("7.1", "1@lid", "one"))
        refused = await at_work.told.get()
        at_work.sender.ask(Send("7.1", "1@lid", "in its place"))
        told = await at_work.told.get()

    assert isinstance(refused, NotSent)
    assert told == Sent("7.1", "id of in its place")


@pytest.mark.parametrize("body", [b"junk", b'["Ping", {}]'])
async def test_a_kept_reply_that_cannot_be_read_is_logged_and_dropped(journal, body, caplog):
    journal.outbox.ask("1@lid", [("7.1", body)])

    await Sending(journal).sender.resume()

    assert caplog.messages == ["reply 7.1 in the journal cannot be read"]
    assert journal.outbox.waiting() == []


async def test_on_a_full_disk_a_reply_waits_without_being_kept(journal, monkeypatch):
    monkeypatch.setattr(receiving, "RETRY_S", 0.01)
    journal.rows("PRAGMA query_only = ON")
    async with Sending(journal) as at_work:
        at_work.sender.ask(FIRST)
        await asyncio.sleep(0)
        journal.rows("PRAGMA query_only = OFF")
        told = await at_work.told.get()

    assert told == Sent("k1", "id of one")


async def test_without_a_last_call_a_deaf_library_ends_the_gateway(journal):
    async with Sending(journal) as at_work:
        at_work.client.is_deaf = True
        at_work.sender._patience.shorten(0.05)
        at_work.sender.ask(FIRST)
        told = await at_work.told.get()
        await asyncio.wait([at_work._tasks[1]])

    assert told == NotSent("k1", UNKNOWN, may_have_arrived=True)
    assert isinstance(at_work.results[1], GatewayEnd)


async def test_a_reply_that_is_taken_back_before_it_has_begun_is_not_sent(journal):
    async with Sending(journal) as at_work:
        at_work.is_open.clear()
        at_work.sender.ask(FIRST)
        at_work.sender.retract("k1")
        at_work.sender.retract("never asked")
        at_work.is_open.set()
        told = await at_work.told.get()

    assert told == NotSent("k1", "WhatsApp rejected a reply: it was cancelled.")
    assert at_work.client.taken.empty()


async def test_a_reply_that_left_nothing_behind_waits_for_the_connection(journal):
    async with Sending(journal) as at_work:
        at_work.client.refusals = ["websocket not connected"]
        at_work.sender.ask(FIRST)
        await at_work.client.taken.get()
        await eventually(lambda: not at_work.is_open.is_set())
        at_work.is_open.set()
        told = await at_work.told.get()

    assert told == Sent("k1", "id of one")


@pytest.mark.parametrize(
    ("refusals", "told"),
    [
        (["server returned error 479"], Sent("k1", "id of one")),
        (
            ["server returned error 479"] * 2,
            NotSent("k1", "WhatsApp rejected a reply: server returned error 479."),
        ),
        (
            ["server returned error 463"],
            NotSent("k1", "WhatsApp rejected a reply: server returned error 463."),
        ),
        (
            ["timed out waiting for message send response"],
            NotSent(
                "k1",
                "A reply may or may not have arrived, so it is not retried: "
                "timed out waiting for message send response.",
                may_have_arrived=True,
            ),
        ),
    ],
)
async def test_what_the_library_says_decides_what_becomes_of_a_reply(
    journal, monkeypatch, refusals, told
):
    monkeypatch.setattr(sending, "_AGAIN_AFTER_S", 0.0)
    async with Sending(journal) as at_work:
        at_work.client.refusals = list(refusals)
        at_work.sender.ask(FIRST)

        assert await at_work.told.get() == told


async def test_a_reply_that_was_sent_is_not_sent_again(journal):
    async with Sending(journal) as at_work:
        for _ in range(2):
            at_work.sender.ask(FIRST)
            assert await at_work.told.get() == Sent("k1", "id of one")

    assert at_work.client.taken.qsize() == 1


async def test_an_upload_that_takes_too_long_is_given_up(journal, monkeypatch):
    monkeypatch.setattr(preparation, "UPLOAD_LIMIT_S", 0.01)
    async with Sending(journal) as at_work:
        at_work.sender.ask(Send("k1", "1@lid", "long", file_name="reply.txt"))
        told = await at_work.told.get()

    assert told == NotSent("k1", "WhatsApp rejected a reply: the upload timed out.")


async def test_a_reply_that_nothing_waits_before_is_stored_as_being_sent_in_one_step(
    journal, mocker
):
    asked = mocker.spy(journal.outbox, "ask")
    async with Sending(journal) as at_work:
        await asyncio.sleep(0)
        at_work.client.is_deaf = True
        at_work.sender.ask(FIRST)
        states = journal.rows("SELECT key, state FROM outbox")
        at_work.sender.ask(SECOND)
        await at_work.client.taken.get()

    assert states == [("k1", "sending")]
    assert [call.args[1][0][0] for call in asked.call_args_list] == ["k2"]


async def test_a_chat_that_is_set_aside_waits_in_order_while_the_others_go_on(journal, monkeypatch):
    monkeypatch.setattr(set_aside, "FIRST_WAIT_S", 0.3)
    journal.set_aside.add("1@lid")
    async with Sending(journal) as at_work:
        for request in (FIRST, SECOND, Send("k3", "2@lid", "three")):
            at_work.sender.ask(request)
        told = [(await at_work.told.get()).key for _ in range(3)]

    assert told == ["k3", "k1", "k2"]
    assert journal.set_aside.chats == ()
