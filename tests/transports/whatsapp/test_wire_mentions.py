"""Mentions in replies, as phones take them: the same digits in text and context."""

import pytest

from butler.chat.message import Person, Reply
from whatsapp_daemon import daemon

pytestmark = pytest.mark.wire


async def _asked(server, bot, sender, chat=None):
    await server.send_text("/run", sender=sender, chat=chat)
    return await anext(bot.transport.messages())


@pytest.mark.parametrize("addressing", ["lid", "pn"])
async def test_the_requester_is_mentioned_by_the_address_of_the_group(server, folder, addressing):
    alice = server.person("Alice")
    team = server.group("Team", [alice], addressing=addressing)
    address = str(alice.lid_jid if addressing == "lid" else alice.phone_jid)

    async with daemon(folder, echoes=False) as bot:
        message = await _asked(server, bot, alice, team)
        await bot.transport.send(
            message.chat_id, Reply("done", message, mentions=(message.sender,))
        )
        reply = await server.next_reply()

    assert reply.mentions == (address,)
    assert reply.text == f"@{address.partition('@')[0]} done"
    assert reply.quoted_id == message.id


async def test_somebody_whom_it_does_not_answer_is_mentioned_too(server, folder):
    alice, bob = server.person("Alice"), server.person("Bob")
    team = server.group("Team", [alice, bob])

    async with daemon(folder, echoes=False) as bot:
        message = await _asked(server, bot, alice, team)
        person = Person(f"+{bob.phone}", f"{bob.lid}@lid")
        text = "```\ncode\n```"
        await bot.transport.send(message.chat_id, Reply(text, mentions=(person,)))
        reply = await server.next_reply()

    assert reply.mentions == (f"{bob.lid}@lid",)
    assert reply.text == f"@{bob.lid}\n{text}"


async def test_edits_and_direct_chats_and_documents_ring_nobody(server, folder):
    alice = server.person("Alice")
    team = server.group("Team", [alice])

    async with daemon(folder, echoes=False) as bot:
        message = await _asked(server, bot, alice, team)
        who = (message.sender,)
        first = await bot.transport.send(message.chat_id, Reply("one", message))
        await bot.transport.send(message.chat_id, Reply("two", edits=first, mentions=who))
        await bot.transport.send(message.chat_id, Reply("x", file_name="x.txt", mentions=who))
        direct = await _asked(server, bot, alice)
        await bot.transport.send(direct.chat_id, Reply("three", direct, mentions=who))
        replies = [await server.next_reply() for _ in range(4)]

    assert [(each.text, each.mentions) for each in replies] == [
        ("one", ()),
        ("two", ()),
        ("", ()),
        ("three", ()),
    ]


async def test_only_the_first_part_of_a_long_text_rings(server, folder):
    alice = server.person("Alice")
    team = server.group("Team", [alice])

    async with daemon(folder, echoes=False) as bot:
        message = await _asked(server, bot, alice, team)
        text = "word " * 1_500
        await bot.transport.send(message.chat_id, Reply(text, message, mentions=(message.sender,)))
        first, second = await server.next_reply(), await server.next_reply()

    assert first.mentions == (f"{alice.lid}@lid",)
    assert second.mentions == ()
