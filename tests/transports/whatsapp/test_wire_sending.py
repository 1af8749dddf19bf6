"""Replies against the stand-in server: once, in order, in parts; and what WhatsApp refuses."""

import asyncio
import os
import signal
import time
from itertools import pairwise

import pytest

from butler.chat.message import Reply
from butler.errors import TransportError
from butler.transports.whatsapp import Pacing
from butler.transports.whatsapp.daemon import notices, typing_indicator
from butler.transports.whatsapp.protocol.frames import Limits
from whatsapp_daemon import daemon, eventually

pytestmark = pytest.mark.wire


async def _message(bot):
    return await anext(bot.transport.messages())


async def test_a_reply_can_be_edited(server, folder):
    alice = server.person("Alice")

    async with daemon(folder, echoes=False) as bot:
        await server.send_text("/run", sender=alice)
        message = await _message(bot)
        first = await bot.transport.send(message.chat_id, Reply("working", message))
        again = await bot.transport.send(message.chat_id, Reply("done", edits=first))
        await server.next_reply()
        edit = await server.next_reply()

    assert again == first
    assert (edit.kind, edit.text, edit.edited_id) == ("edit", "done", first)


async def test_answers_do_not_wait_for_edits_and_what_stops_goes_first(server, folder):
    alice = server.person("Alice")
    pacing = Pacing(burst=100, per_second=100, per_minute=6)

    async with daemon(folder, echoes=False, pacing=pacing) as bot:
        send, chat_id = bot.transport.send, f"{alice.lid}@lid"
        first = await send(chat_id, Reply("working"))
        edits = [
            asyncio.create_task(send(chat_id, Reply(f"{number} s", edits=first)))
            for number in range(9)
        ]
        await eventually(lambda: sum(each.done() for each in edits) == 3)
        answer = asyncio.create_task(send(chat_id, Reply("an answer")))
        await send(chat_id, Reply("stopped", is_urgent=True))
        await answer
        for each in edits:
            each.cancel()

    assert [(reply.kind, reply.text) for reply in server.replies[:4]] == [
        ("text", "working"),
        *(("edit", f"{number} s") for number in range(3)),
    ]
    assert sorted(reply.text for reply in server.replies[4:]) == ["an answer", "stopped"]


async def test_signs_in_a_text_stay_text(server, folder):
    alice = server.person("Alice")
    text = "mail bob@15550200002.com, see https://x.de/@4915112345678\ud800"

    async with daemon(folder, echoes=False) as bot:
        await bot.transport.send(f"{alice.lid}@lid", Reply(text))
        reply = await server.next_reply()

    assert reply.text == text.replace("\ud800", "?")
    assert reply.description.mentions == ()


async def test_a_long_text_comes_in_parts_and_a_very_long_one_as_a_document(server, folder):
    alice = server.person("Alice")
    paragraph = "word " * 700

    async with daemon(folder, echoes=False) as bot:
        await bot.transport.send(f"{alice.lid}@lid", Reply("\n\n".join([paragraph] * 3)))
        replies = [await server.next_reply() for _ in range(3)]
        await bot.transport.send(f"{alice.lid}@lid", Reply("\n\n".join([paragraph] * 6)))
        document = (await server.next_reply()).document

    assert [reply.text.strip() for reply in replies] == [paragraph.strip()] * 3
    assert document.data.decode() == "\n\n".join([paragraph] * 6)
    assert document.file_name == "reply.txt"


@pytest.mark.parametrize(
    ("error", "count", "attempts"), [(463, None, 1), (479, None, 2), (500, None, 1)]
)
async def test_a_refused_reply_fails_with_whatsapps_reason(server, folder, error, count, attempts):
    alice = server.person("Alice")
    server.faults.reject_messages(error, count)

    async with daemon(folder, echoes=False) as bot:
        with pytest.raises(TransportError, match=f"server returned error {error}"):
            await bot.transport.send(f"{alice.lid}@lid", Reply("hello"))

    assert server.timeline.names().count("message-rejected") == attempts


async def test_a_stale_session_is_tried_once_more(server, folder):
    alice = server.person("Alice")
    server.faults.reject_messages(479, 1)

    async with daemon(folder, echoes=False) as bot:
        await bot.transport.send(f"{alice.lid}@lid", Reply("hello"))

    assert [reply.text for reply in server.replies] == ["hello"]


async def test_a_lost_acknowledgement_is_never_repeated_and_blocks_nobody_for_long(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False, limits=Limits(send_s=4)) as bot:
        await server.send_text("/use api", sender=alice)
        message = await _message(bot)
        server.faults.lose_acknowledgements(1)

        with pytest.raises(TransportError, match="A reply may or may not have arrived"):
            await bot.transport.send(message.chat_id, Reply("first", message))
        bot.be_patient()
        await bot.transport.send(message.chat_id, Reply("second", message))

    async with daemon(folder, echoes=False) as bot:
        again = await _message(bot)
        with pytest.raises(TransportError, match="A reply may or may not have arrived"):
            await bot.transport.send(again.chat_id, Reply("first", again))

    assert [reply.text for reply in server.replies] == ["first", "second"]


async def test_a_reply_asked_for_in_an_outage_is_sent_after_it(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        await server.wait_online()
        server.faults.shut()
        await server.wait_offline()
        sending_task = asyncio.create_task(bot.transport.send(f"{alice.lid}@lid", Reply("at last")))
        await eventually(lambda: bot.transport.state.name == "disconnected")
        await server.faults.reopen()

        await sending_task

    assert [reply.text for reply in server.replies] == ["at last"]


async def test_a_reply_that_cannot_be_sent_in_time_is_given_up(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False, send_limit_s=0.5) as bot:
        await server.wait_online()
        server.faults.shut()
        await eventually(lambda: bot.transport.state.name == "disconnected")

        with pytest.raises(TransportError, match=r"given up after 0\.5 s"):
            await bot.transport.send(f"{alice.lid}@lid", Reply("too late"))
        await server.faults.reopen()
        bot.transport._delivery._limit_s = 600
        await bot.transport.send(f"{alice.lid}@lid", Reply("in time"))

    assert [reply.text for reply in server.replies] == ["in time"]


async def test_a_reply_that_waits_is_sent_after_an_outage_longer_than_the_limit(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False, send_limit_s=0.5) as bot:
        await server.wait_online()
        server.faults.shut()
        await eventually(lambda: bot.transport.state.name == "disconnected")
        chat_id = f"{alice.lid}@lid"
        waiting = asyncio.create_task(bot.transport.send(chat_id, Reply("done", waits=True)))
        with pytest.raises(TransportError, match="given up"):
            await bot.transport.send(chat_id, Reply("in between"))
        await server.faults.reopen()
        await waiting

    assert [reply.text for reply in server.replies] == ["done"]


async def test_a_reply_cut_short_by_a_kill_is_unknown_and_not_repeated(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        await server.wait_online()
        server.faults.hold_acknowledgements()
        sending_task = asyncio.create_task(bot.transport.send(f"{alice.lid}@lid", Reply("perhaps")))
        await server.next_reply()
        os.kill(bot.gateway_id, signal.SIGKILL)

        with pytest.raises(TransportError, match=r"may not have arrived, .* gateway ended"):
            await sending_task

    assert [reply.text for reply in server.replies] == ["perhaps"]


async def test_typing_is_shown_during_a_slow_turn_and_ends_with_it(server, folder, monkeypatch):
    monkeypatch.setattr(typing_indicator, "SHOW_AFTER_S", 0.05)
    alice = server.person("Alice")

    async with daemon(folder, echoes=False) as bot:
        await server.wait_online()
        await server.send_text("/run", sender=alice)
        message = await _message(bot)
        await eventually(lambda: server.chat_states)
        await bot.transport.acknowledge(message)
        await eventually(lambda: len(server.chat_states) == 2)

    assert [(each.chat, each.state) for each in server.chat_states] == [
        (alice, "composing"),
        (alice, "paused"),
    ]


async def test_a_chat_is_not_written_to_faster_than_its_pace(server, folder):
    alice, bob = server.person("Alice"), server.person("Bob")
    pacing = Pacing(burst=2, per_second=1)

    async with daemon(folder, echoes=False, pacing=pacing) as bot:
        await server.wait_online()
        start = time.time()
        await asyncio.gather(
            *(bot.transport.send(f"{alice.lid}@lid", Reply(f"{n}")) for n in range(4)),
            bot.transport.send(f"{bob.lid}@lid", Reply("quick")),
        )

    to_alice = [reply for reply in server.replies if reply.chat is alice]
    assert [reply.text for reply in to_alice] == ["0", "1", "2", "3"]
    assert to_alice[3].at - start >= 2
    assert [reply.text for reply in server.replies].index("quick") <= 2


async def test_late_messages_are_summed_up_once_a_chat(server, folder, monkeypatch):
    monkeypatch.setattr(notices, "QUIET_S", 1.0)
    alice, bob = server.person("Alice"), server.person("Bob")
    async with daemon(folder):
        await server.wait_online()
    await server.wait_offline()
    for text in ("/use api", "/run tests", "what a day"):
        await server.send_text(text, sender=alice, sent_at_s=1_700_000_000)
    await server.send_text("good morning", sender=bob, sent_at_s=1_700_000_000)
    await server.send_text("/use web", sender=bob)

    async with daemon(folder) as bot:
        replies = {(reply := await server.next_reply()).chat: reply.text for _ in range(2)}
        await eventually(lambda: len(bot.records.entries) == 4)
    async with daemon(folder) as bot:
        await server.send_text("/help", sender=bob)
        await server.next_reply()

    assert replies == {bob: "echo /use web", alice: notices.summary(2)}
    assert [message.text for message in bot.messages] == ["/help"]


async def test_an_unreadable_message_is_asked_for_once_and_a_repaired_one_is_not(server, folder):
    alice, bob = server.person("Alice"), server.person("Bob")

    async with daemon(folder, limits=Limits(repair_s=5)) as bot:
        await server.wait_online()
        await server.send_text("/broken", sender=alice, damage="always")
        await server.send_text("/repaired", sender=bob, damage="once")
        first, second = await server.next_reply(), await server.next_reply()

    assert (first.chat, first.text) == (bob, "echo /repaired")
    assert (second.chat, second.text) == (alice, notices.ASK_AGAIN)
    assert [entry.rule for entry in bot.records.entries] == ["not readable"]
    assert len(server.replies) == 2


async def test_replies_are_never_closer_than_the_gap(server, folder):
    alice = server.person("Alice")

    async with daemon(folder) as _bot:
        await server.wait_online()
        for number in range(10):
            await server.send_text(f"{number}", sender=alice)
        replies = [await server.next_reply() for _ in range(10)]

    gaps = [later.at - earlier.at for earlier, later in pairwise(replies)]
    assert min(gaps) >= Pacing().gap_s * 0.9


async def test_a_reply_with_a_file_name_is_a_document(server, folder):
    alice = server.person("Alice")

    async with daemon(folder, echoes=False) as bot:
        await bot.transport.send(f"{alice.lid}@lid", Reply("diff", file_name="run-1.patch"))

    (reply,) = server.replies
    assert (reply.document.file_name, reply.document.data) == ("run-1.patch", b"diff")


async def test_a_document_that_cannot_be_uploaded_comes_in_parts(server, folder):
    alice = server.person("Alice")
    server.faults.reject_uploads()

    async with daemon(folder, echoes=False) as bot:
        await bot.transport.send(f"{alice.lid}@lid", Reply("\n\n".join(["word " * 700] * 6)))

    assert [reply.kind for reply in server.replies] == ["text"] * 6
