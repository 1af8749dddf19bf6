"""Every form a message can have on the wire, and who it is from."""

import pytest

from butler.chat.message import Person
from whatsapp_daemon import daemon, eventually
from whatsapp_server import contents

pytestmark = pytest.mark.wire


async def test_a_command_is_understood_wherever_it_sits(server, folder):
    alice = server.person("Alice")
    forms = (
        contents.text("/use api", bare=False),
        contents.image("/use api"),
        contents.video("/use api"),
        contents.document("/use api"),
        contents.ephemeral(contents.text("/use api")),
        contents.view_once(contents.image("/use api")),
    )

    async with daemon(folder) as bot:
        for form in forms:
            await server.send(form, sender=alice)
        replies = [await server.next_reply() for _ in forms]

    assert {reply.text for reply in replies} == {"echo /use api"}
    assert {message.text for message in bot.messages} == {"/use api"}
    assert bot.records.entries == []


async def test_a_group_message_comes_once_though_it_is_two_events(server, folder):
    alice = server.person("Alice")
    team = server.group("Team", [alice])

    async with daemon(folder) as bot:
        for text in ("/use api", "/repo"):
            await server.send_text(text, sender=alice, chat=team)
            await server.next_reply()

    assert [message.text for message in bot.messages] == ["/use api", "/repo"]
    assert bot.records.entries == []


async def test_mentions_and_replies_to_the_bot_are_understood(server, folder):
    alice, bob = server.person("Alice"), server.person("Bob")
    team = server.group("Team", [alice, bob])
    owner = server.owner

    async with daemon(folder) as bot:
        await server.send_text("/repos", sender=alice, chat=team)
        reply = await server.next_reply()
        await server.send_text(
            f"@{owner.lid} /repo", sender=bob, chat=team, quote=reply, mentions=[owner, alice]
        )
        await server.next_reply()

    message = bot.messages[-1]
    assert (message.text, message.is_to_bot) == ("/repo", True)
    assert message.quoted_id == reply.id
    assert message.quoted_sender == Person(lid=f"{owner.lid}@lid")
    assert message.mentions == (Person(lid=f"{owner.lid}@lid"), Person(lid=f"{alice.lid}@lid"))


async def test_channels_and_broadcast_lists_are_ignored(server, folder):
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        await server.send_text("/use api", sender=alice, chat=server.newsletter("News"))
        await server.send_text("/use api", sender=alice, chat=server.broadcast_list())
        await eventually(lambda: len(bot.records.entries) == 2)
        await server.send_text("/repo", sender=alice)
        await server.next_reply()

    assert [entry.rule for entry in bot.records.entries] == [
        "newsletter",
        "status or broadcast list",
    ]
    assert [message.text for message in bot.messages] == ["/repo"]


@pytest.mark.parametrize("addressing", ["lid", "pn"])
async def test_a_person_is_the_same_on_every_device_and_by_either_address(
    server, folder, addressing
):
    alice = server.person("Alice", device_count=3)

    async with daemon(folder) as bot:
        for device in range(3):
            await server.send_text(
                f"/from {device}", sender=alice, device=device, addressing=addressing
            )
            await server.next_reply()

    known = Person(phone=f"+{alice.phone}", lid=f"{alice.lid}@lid")
    assert [(each.sender.phone, each.sender.lid) for each in bot.messages] == [
        (known.phone, known.lid)
    ] * 3
    assert {each.chat_id for each in bot.messages} == {known.lid}


async def test_an_address_once_shown_is_known_after_a_restart(server, folder):
    alice = server.person("Alice", shows_other_address=False)
    async with daemon(folder) as bot:
        await server.send_text("/first", sender=alice)
        await server.next_reply()
        alice.shows_other_address = True
        await server.send_text("/second", sender=alice)
        await server.next_reply()
    alice.shows_other_address = False

    async with daemon(folder) as later:
        await server.send_text("/third", sender=alice)
        await server.next_reply()

    shown = [message.sender.phone for message in (*bot.messages, *later.messages)]
    assert shown == [None, f"+{alice.phone}", f"+{alice.phone}"]
