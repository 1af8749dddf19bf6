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


either_form = pytest.mark.parametrize("edit", [contents.edit, contents.sealed_edit])


@either_form
async def test_a_command_edited_while_it_waits_for_its_turn_is_acted_on_once_in_its_new_form(
    server, folder, edit
):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        sent = await server.send_text("/use ap", sender=alice)
        old = await anext(messages)
        await server.send(edit(sent, "/use api"), sender=alice)
        new = await anext(messages)

        assert bot.transport.is_withdrawn(old)
        await bot.transport.acknowledge(old)
        assert not bot.transport.is_withdrawn(new)
        bot.transport.begin(new)
        await server.send(edit(sent, "/use web"), sender=alice)
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


@either_form
async def test_an_edit_of_a_message_that_had_no_effect_is_a_new_message(server, folder, edit):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        sent = await server.send_text("/ues api", sender=alice)
        mistyped = await anext(messages)
        await bot.transport.send(mistyped.chat_id, Reply("There is no /ues.", mistyped))
        await bot.transport.acknowledge(mistyped, had_effect=False)
        await eventually(bot.transport._acknowledgements.is_settled.is_set)
        await server.send(edit(sent, "/use ap"), sender=alice)
        again = await anext(messages)
        await bot.transport.acknowledge(again, had_effect=False)
        await eventually(bot.transport._acknowledgements.is_settled.is_set)
        await server.send(edit(sent, "/use api"), sender=alice)
        mended = await anext(messages)
        await bot.transport.send(mended.chat_id, Reply("This chat uses api.", mended))
        await bot.transport.acknowledge(mended)
        await eventually(bot.transport._acknowledgements.is_settled.is_set)
        await server.send(edit(sent, "/use web"), sender=alice)
        await eventually(lambda: bot.records.entries)

    assert [(each.id, each.text) for each in (again, mended)] == [
        (sent.id, "/use ap"),
        (sent.id, "/use api"),
    ]
    assert [reply.text for reply in server.replies] == ["There is no /ues.", "This chat uses api."]
    assert {reply.quoted_id for reply in server.replies} == {sent.id}
    assert _rules(bot) == ["edited after it was handled"]


@either_form
async def test_an_edit_of_what_had_no_effect_is_a_new_message_also_after_a_restart(
    server, folder, edit
):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        sent = await server.send_text("/ues api", sender=alice)
        await bot.transport.acknowledge(await anext(bot.transport.messages()), had_effect=False)
    await server.wait_offline()
    for text in ("/use ap", "/use api"):
        await server.send(edit(sent, text), sender=alice)

    async with daemon(folder) as later:
        reply = await server.next_reply()

    assert (reply.text, reply.quoted_id) == ("echo /use api", sent.id)
    assert [each.text for each in later.messages] == ["/use api"]
    assert later.records.entries == []


@pytest.mark.parametrize("sealed_with", ["lid", "pn"])
@pytest.mark.parametrize("addressing", ["lid", "pn"])
@pytest.mark.parametrize("is_in_group", [False, True], ids=["direct", "group"])
async def test_a_sealed_edit_is_read_however_it_is_addressed(
    server, folder, is_in_group, addressing, sealed_with
):
    alice = server.person("Alice")
    chat = server.group("Team", [alice], addressing=addressing) if is_in_group else None
    address = str(alice.jid(sealed_with))
    async with daemon(folder):
        await server.wait_online()
    await server.wait_offline()
    sent = await server.send_text("/use ap", sender=alice, chat=chat, addressing=addressing)
    for text in ("/use apx", "/use api"):
        edit = contents.sealed_edit(sent, text, author=address, editor=address)
        await server.send(edit, sender=alice, chat=chat, addressing=addressing)

    async with daemon(folder):
        reply = await server.next_reply()

    assert (reply.text, reply.quoted_id) == ("echo /use api", sent.id)


@pytest.mark.parametrize(
    "wrap", [contents.ephemeral, lambda content: contents.wrapped("spoiler", content)]
)
async def test_a_sealed_edit_of_a_wrapped_message_and_with_a_new_secret_is_read(
    server, folder, wrap
):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        sent = await server.send(wrap(contents.text("/use ap")), sender=alice)
        await anext(messages)
        first = contents.sealed_edit(sent, "/use apx", next_secret=bytes(range(32)))
        await server.send(first, sender=alice)
        await anext(messages)
        second = contents.sealed_edit(sent, "/use api", secret=bytes(range(32)))
        await server.send(second, sender=alice)
        new = await anext(messages)

    assert (new.id, new.text) == (sent.id, "/use api")


async def test_the_owners_own_sealed_edit_is_read(server, folder):
    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        sent = await server.send_text("/use ap", sender=server.owner)
        await anext(messages)
        await server.send(contents.sealed_edit(sent, "/use api"), sender=server.owner)
        new = await anext(messages)

    assert (new.id, new.text, new.is_own) == (sent.id, "/use api", True)


async def test_a_command_whose_edit_cannot_be_read_is_not_acted_on_and_its_sender_is_told(
    server, folder
):
    alice, bob = server.person("Alice"), server.person("Bob")
    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        sent = await server.send_text("/use ap", sender=alice)
        old = await anext(messages)
        edit = contents.sealed_edit(sent, "/use api", secret=bytes(32))
        await server.send(edit, sender=alice)
        told = await server.next_reply()
        assert bot.transport.is_withdrawn(old)
        await bot.transport.acknowledge(old)
    await server.wait_offline()
    early = await server.send_text("/use ap", sender=bob)
    await server.send(contents.sealed_edit(early, "/use api", secret=bytes(32)), sender=bob)

    async with daemon(folder) as later:
        told_later = await server.next_reply()

    sentence = "I could not read your edit. Please send the message again as it should be."
    assert [(told.chat, told.text), (told_later.chat, told_later.text)] == [
        (alice, sentence),
        (bob, sentence),
    ]
    assert _rules(bot) == ["edit not readable"] * 2
    assert _rules(later) == ["edit not readable"]
    assert later.messages == []


async def test_a_sealed_edit_of_a_message_that_never_came_is_recorded_and_its_sender_told(
    server, folder
):
    alice = server.person("Alice")
    team = server.group("Team", [alice])
    await server.wait_offline()
    unseen = await server.send_text("/use ap", sender=alice)
    server.world.waiting.clear()

    async with daemon(folder) as bot:
        await server.send(contents.sealed_edit(unseen, "/use api"), sender=alice, chat=team)
        await server.send(contents.sealed_edit(unseen, "/use api"), sender=alice)
        told = await server.next_reply()

    assert (told.chat, told.text.partition(".")[0]) == (alice, "I could not read your edit")
    assert _rules(bot) == ["edit not readable"] * 2
    assert [reply.chat for reply in server.replies] == [alice]


async def test_nobody_edits_what_somebody_else_has_written(server, folder):
    alice, bob = server.person("Alice"), server.person("Bob")
    team = server.group("Team", [alice, bob])
    forged = (
        contents.edit,
        contents.sealed_edit,
        lambda sent, text: contents.sealed_edit(sent, text, editor=str(bob.lid_jid)),
        lambda sent, text: contents.sealed_edit(
            sent, text, author=str(bob.lid_jid), editor=str(bob.lid_jid)
        ),
    )
    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        sent = await server.send_text("/use api", sender=alice, chat=team)
        first = await anext(messages)
        for forge in forged:
            await server.send(forge(sent, "/use web"), sender=bob, chat=team)
        await eventually(lambda: len(bot.records.entries) == len(forged))
        await server.send_text("/repo", sender=bob, chat=team)
        second = await anext(messages)

        assert not bot.transport.is_withdrawn(first)

    assert [each.text for each in (first, second)] == ["/use api", "/repo"]
    assert _rules(bot) == ["edited after it was handled", *["edit not readable"] * 3]
    assert server.replies == []
