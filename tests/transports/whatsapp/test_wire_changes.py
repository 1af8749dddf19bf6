"""What people do to messages they have sent: edited or deleted before Butler gets to them."""

import os
import signal

import pytest

from butler.chat.message import Reply
from whatsapp_daemon import daemon, eventually
from whatsapp_server import contents

pytestmark = pytest.mark.wire


def _rules(bot):
    return [entry.rule for entry in bot.records.entries]


async def test_a_command_deleted_while_butler_was_away_is_not_acted_on(server, folder):
    alice = server.person("Alice")
    async with daemon(folder):
        await server.wait_online()
    await server.wait_offline()
    sent = await server.send_text("/use api", sender=alice)
    await server.send(contents.revoke(sent), sender=alice)
    await server.send_text("/repo", sender=alice)

    async with daemon(folder) as bot:
        reply = await server.next_reply()

    assert reply.text == "echo /repo"
    assert [message.text for message in bot.messages] == ["/repo"]
    assert [(entry.message_id, entry.rule) for entry in bot.records.entries] == [
        (sent.id, "withdrawn")
    ]


async def test_a_command_deleted_while_it_waits_for_its_turn_is_not_acted_on_also_later(
    server, folder
):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        sent = await server.send_text("/use api", sender=alice)
        message = await anext(bot.transport.messages())
        assert not bot.transport.is_withdrawn(message)
        await server.send(contents.revoke(sent), sender=alice)
        await eventually(lambda: bot.transport.is_withdrawn(message))
        os.kill(bot.gateway_id, signal.SIGKILL)

    async with daemon(folder) as later:
        await server.send_text("/repo", sender=alice)
        await server.next_reply()

    assert _rules(bot) == ["withdrawn", "deleted"]
    assert [message.text for message in later.messages] == ["/repo"]


async def test_a_command_that_has_begun_is_not_affected_by_its_deletion(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        sent = await server.send_text("/use api", sender=alice)
        message = await anext(bot.transport.messages())
        bot.transport.begin(message)
        await server.send(contents.revoke(sent), sender=alice)
        await eventually(lambda: bot.records.entries)

        assert not bot.transport.is_withdrawn(message)
        await bot.transport.send(message.chat_id, Reply("done", message))
        await bot.transport.acknowledge(message)

    assert _rules(bot) == ["deleted"]
    assert [reply.quoted_id for reply in server.replies] == [sent.id]


async def test_a_command_edited_while_it_waits_for_its_turn_is_acted_on_once_in_its_new_form(
    server, folder
):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        sent = await server.send_text("/use ap", sender=alice)
        old = await anext(messages)
        await server.send(contents.edit(sent, "/use api"), sender=alice)
        new = await anext(messages)

        assert bot.transport.is_withdrawn(old)
        await bot.transport.acknowledge(old)
        assert not bot.transport.is_withdrawn(new)
        bot.transport.begin(new)
        await server.send(contents.edit(sent, "/use web"), sender=alice)
        await eventually(lambda: bot.records.entries)
        assert not bot.transport.is_withdrawn(new)
        await bot.transport.send(new.chat_id, Reply("done", new))
        await bot.transport.acknowledge(new)

    assert (new.id, new.text) == (sent.id, "/use api")
    assert _rules(bot) == ["edited after it was handled"]
    assert [reply.quoted_id for reply in server.replies] == [sent.id]


async def test_an_edit_that_its_gateway_did_not_tell_is_told_by_the_next_one(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        sent = await server.send_text("/use ap", sender=alice)
        old = await anext(messages)
        os.kill(bot.gateway_id, signal.SIGKILL)
        await server.wait_offline()
        await server.send(contents.edit(sent, "/use api"), sender=alice)
        new = await anext(messages)

        assert bot.transport.is_withdrawn(old)
        assert new.text == "/use api"


async def test_nobody_else_can_withdraw_a_command(server, folder):
    alice, bob = server.person("Alice"), server.person("Bob")
    team = server.group("Team", [alice, bob])
    async with daemon(folder):
        await server.wait_online()
    await server.wait_offline()
    early = await server.send_text("/use api", sender=alice, chat=team)
    await server.send(contents.revoke(early), sender=bob, chat=team)

    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        first = await anext(messages)
        late = await server.send_text("/use web", sender=alice, chat=team)
        second = await anext(messages)
        await server.send(contents.revoke(late), sender=bob, chat=team)
        await eventually(lambda: _rules(bot) == ["deleted", "deleted"])

        assert [message.text for message in (first, second)] == ["/use api", "/use web"]
        assert not bot.transport.is_withdrawn(first)
        assert not bot.transport.is_withdrawn(second)


async def test_a_command_that_was_edited_and_then_deleted_is_withdrawn(server, folder):
    alice = server.person("Alice")
    async with daemon(folder):
        await server.wait_online()
    await server.wait_offline()
    sent = await server.send_text("/use ap", sender=alice)
    await server.send(contents.edit(sent, "/use api"), sender=alice)
    await server.send(contents.revoke(sent), sender=alice)

    async with daemon(folder) as bot:
        await eventually(lambda: bot.records.entries)

    assert _rules(bot) == ["withdrawn"]
    assert bot.messages == []
