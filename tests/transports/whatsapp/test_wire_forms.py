"""Whose words a message has, and what is said to one without any: every form, on the wire."""

from dataclasses import replace

import pytest

from whatsapp_daemon import LIMITS, daemon, eventually
from whatsapp_server import META_AI, META_AI_BY_PHONE, contents
from whatsapp_server.wrappers import FORWARD_MARKS, WRAPPERS

pytestmark = pytest.mark.wire

OWN_WORDS = {
    "deviceSent",
    "documentWithCaption",
    "edited",
    "ephemeral",
    "groupMentioned",
    "spoiler",
    "viewOnce",
    "viewOnceV2",
    "viewOnceV2Extension",
}

# Real ones hold a question that names the AI, and a sticker.
TAKEN_OFF_BY_THE_LIBRARY = {"botInvoke", "lottieSticker"}


async def test_nothing_inside_the_words_of_others_is_a_command(server, folder):
    alice = server.person("Alice")
    others = sorted(WRAPPERS.keys() - OWN_WORDS - TAKEN_OFF_BY_THE_LIBRARY)

    async with daemon(folder) as bot:
        for name in others:
            content = contents.image("/use api")
            await server.send(contents.wrapped(name, content), sender=alice)
        await server.send_text("/repo", sender=alice)
        await eventually(lambda: any(each.text == "/repo" for each in bot.messages))

    assert len(others) == 21
    assert [each.text for each in bot.messages if each.text] == ["/repo"]
    taken = [each.media for each in bot.messages if not each.text]
    assert len(bot.records.entries) + len(taken) == len(others)


async def test_the_senders_own_words_are_read_in_every_wrapper(server, folder):
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        for name in sorted(OWN_WORDS - {"deviceSent"}):
            await server.send(contents.wrapped(name, contents.text("/use api")), sender=alice)
            await server.next_reply()

    assert {each.text for each in bot.messages} == {"/use api"}
    assert bot.records.entries == []


async def test_what_was_passed_on_is_known_by_each_of_its_marks(server, folder):
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        for mark in FORWARD_MARKS:
            await server.send(contents.forwarded("/use api", mark), sender=alice)
            await server.next_reply()

    assert [each.is_forwarded for each in bot.messages] == [True] * len(FORWARD_MARKS)


async def test_what_the_owner_writes_to_an_ai_is_never_obeyed(server, folder):
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        for chat in (META_AI, META_AI_BY_PHONE):
            await server.send_text("/use api", sender=server.owner, chat=chat)
        await server.send(contents.ask_assistant("/use api"), sender=server.owner, chat=alice)
        await server.send(
            contents.ask_assistant("/use api", str(META_AI_BY_PHONE.jid)), sender=alice
        )
        await eventually(lambda: len(bot.records.entries) == 4)

    assert [entry.rule for entry in bot.records.entries] == [
        *["chat with an AI"] * 2,
        *["question to an AI"] * 2,
    ]
    assert bot.messages == []
    assert server.replies == []


async def test_what_cannot_be_decrypted_in_a_chat_with_an_ai_is_not_asked_for(server, folder):
    alice = server.person("Alice")

    async with daemon(folder, limits=replace(LIMITS, repair_s=0.5)) as bot:
        await server.send_text("/use", sender=server.owner, chat=META_AI, damage="always")
        await server.send_text("/use", sender=alice, damage="always")
        reply = await server.next_reply()

    assert reply.chat is alice
    assert [entry.rule for entry in bot.records.entries] == ["not readable"]


async def test_what_only_phones_show_is_asked_for_as_text_but_not_in_groups(server, folder):
    alice = server.person("Alice")
    team = server.group("Team", [alice])
    kept = replace(contents.view_once(contents.image("/use api")), is_kept_from_devices=True)

    async with daemon(folder, limits=replace(LIMITS, repair_s=0.5)) as bot:
        for chat in (team, None):
            await server.send(kept, sender=alice, chat=chat)
        reply = await server.next_reply()
        await eventually(lambda: len(bot.records.entries) == 2)

    assert [each.chat for each in server.replies] == [alice]
    assert reply.text == (
        "I cannot see that message: WhatsApp shows it on phones only. Send it as text."
    )
    assert {(each.rule, each.detail) for each in bot.records.entries} == {
        ("not readable", "only the phone can show it")
    }


async def test_everything_a_person_sends_beside_text_arrives_by_its_name(server, folder):
    alice = server.person("Alice")
    sent = {
        "picture": contents.image(),
        "video": contents.video_note(),
        "document": contents.document(),
        "voice message": contents.audio(),
        "audio file": contents.audio(is_voice=False),
        "sticker": contents.sticker(),
        "contact": contents.contact("Zoe", "Yan"),
        "location": contents.location(is_live=True),
        "poll": contents.poll("Lunch?", ["yes", "no"], 64),
        "event": contents.event("Lunch"),
        "invitation": contents.group_invitation("/use api"),
    }

    async with daemon(folder) as bot:
        for content in sent.values():
            await server.send(content, sender=alice)
        await eventually(lambda: len(bot.messages) == len(sent))

    assert [(each.media, each.text) for each in bot.messages] == [(name, "") for name in sent]
    assert bot.records.entries == []
