"""Against the stand-in server: the real library, the real gateway process."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from butler.chat.message import Person, Reply
from butler.transports.whatsapp import linked_account
from whatsapp_daemon import daemon, eventually
from whatsapp_server import STATUS, contents, element

pytestmark = pytest.mark.wire

ECHO_DAEMON = Path(__file__).with_name("echo_daemon.py")


async def test_a_linked_account_is_known_by_its_number_and_private(server, folder):
    assert linked_account(folder) == f"+{server.owner.phone}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert server.linked_device_name == "Butler"


async def test_a_direct_message_is_answered_with_a_quote(server, folder):
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        sent = await server.send_text("/use api", sender=alice)
        reply = await server.next_reply()

    assert (reply.text, reply.quoted_id, reply.chat) == ("echo /use api", sent.id, alice)
    assert bot.messages[0].sender == Person(phone=f"+{alice.phone}", lid=f"{alice.lid}@lid")
    assert bot.messages[0].name == "Alice"


@pytest.mark.parametrize("addressing", ["lid", "pn"])
async def test_two_groups_and_a_direct_chat_are_three_chats(server, folder, addressing):
    alice, bob = server.person("Alice"), server.person("Bob")
    team = server.group("Team", [alice, bob], addressing=addressing)
    club = server.group("Club", [alice, bob], addressing=addressing)

    async with daemon(folder) as bot:
        for chat in (team, club, alice):
            await server.send_text("hello", sender=alice, chat=chat, addressing=addressing)
        replies = [await server.next_reply() for _ in range(3)]

    assert {reply.chat for reply in replies} == {team, club, alice}
    assert [message.chat_id for message in bot.messages] == [
        str(team.jid),
        str(club.jid),
        f"{alice.lid}@lid",
    ]


async def test_a_restarted_daemon_gets_what_came_meanwhile_and_nothing_twice(server, folder):
    alice = server.person("Alice")
    async with daemon(folder):
        await server.send_text("first", sender=alice)
        await server.next_reply()
    await server.wait_offline()
    await server.send_text("second", sender=alice)

    async with daemon(folder) as bot:
        reply = await server.next_reply()

    assert reply.text == "echo second"
    assert [message.text for message in bot.messages] == ["second"]


async def test_a_turn_that_was_not_over_is_repeated_without_a_second_reply(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        await server.send_text("/use api", sender=alice)
        message = await anext(bot.transport.messages())
        await bot.transport.send(message.chat_id, Reply("done", message))
        first = await server.next_reply()

    async with daemon(folder, echoes=False) as bot:
        again = await anext(bot.transport.messages())
        repeated = await bot.transport.send(again.chat_id, Reply("done already", again))
        await bot.transport.acknowledge(again)

    assert again == message
    assert repeated == first.id
    assert [reply.text for reply in server.replies] == ["done"]


async def test_the_same_message_again_is_handled_once(server, folder):
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        sent = await server.send_text("once", sender=alice)
        await server.next_reply()
        server.redeliver(sent, fresh=True)
        await eventually(lambda: bot.records.entries)
        await server.send_text("twice", sender=alice)
        await server.next_reply()

    assert [message.text for message in bot.messages] == ["once", "twice"]
    assert [entry.rule for entry in bot.records.entries] == ["duplicate"]


async def test_a_gateway_killed_under_load_loses_and_repeats_nothing(server, folder):
    people = [server.person(f"Person {n}") for n in range(5)]
    killed = []

    async with daemon(folder) as bot:
        await server.wait_online()
        for number in range(60):
            await server.send_text(f"{number}", sender=people[number % 5])
            if number in (20, 40):
                killed.append(await _gateway_other_than(killed, bot))
                os.kill(killed[-1], signal.SIGKILL)
        # Nothing comes behind it, so what was not kept by then is lost.
        await server.send_text("last", sender=people[0])
        await eventually(lambda: "last" in [message.text for message in bot.messages])
        await eventually(lambda: bot.turns_over == _count(folder, "inbox", "1"))

    assert Counter(message.text for message in bot.messages).most_common(1)[0][1] == 1
    _check_replies(server, folder)


async def _gateway_other_than(killed, bot):
    await eventually(lambda: bot.gateway_id not in (None, *killed))
    return bot.gateway_id


async def test_a_daemon_killed_under_load_loses_and_repeats_nothing(server, folder):
    people = [server.person(f"Person {n}") for n in range(5)]
    command = (sys.executable, str(ECHO_DAEMON), str(folder))

    for start in (0, 20, 40):
        daemon_process = await asyncio.create_subprocess_exec(*command)
        for number in range(start, start + 20):
            await server.send_text(f"{number}", sender=people[number % 5])
        await server.next_reply()
        if start < 40:
            daemon_process.kill()
            await daemon_process.wait()
            await server.wait_offline()
    await server.send_text("last", sender=people[0])
    await eventually(lambda: "echo last" in [reply.text for reply in server.replies])
    await eventually(lambda: _count(folder, "inbox", "state <> 'done'") == 0)
    daemon_process.kill()
    await daemon_process.wait()

    _check_replies(server, folder)


async def test_a_daemon_killed_in_the_middle_of_a_long_reply_loses_and_repeats_no_part(
    server, folder
):
    alice = server.person("Alice")
    paragraphs = [f"/{number} " + "word " * 700 for number in range(4)]
    command = (sys.executable, str(ECHO_DAEMON), str(folder))
    killed = await asyncio.create_subprocess_exec(*command)
    await server.wait_online()
    server.faults.hold_acknowledgements()
    await server.send_text("\n\n".join(paragraphs), sender=alice)
    first = await server.next_reply()

    killed.kill()
    await killed.wait()
    await server.wait_offline()
    server.faults.release_acknowledgements()
    following = await asyncio.create_subprocess_exec(*command)
    others = [await server.next_reply(20) for _ in range(3)]
    await eventually(lambda: _count(folder, "inbox", "state = 'done'") == 1)
    following.kill()
    await following.wait()

    shown = [each.text.removeprefix("echo ").strip() for each in (first, *others)]
    assert shown == [each.strip() for each in paragraphs]
    assert len(server.replies) == 4


async def test_a_text_without_end_stops_nothing_else(server, folder):
    alice = server.person("Alice")

    async with daemon(folder, echoes=False) as bot:
        await bot.transport.send(f"{alice.lid}@lid", Reply("x" * 20_000_000))
        await bot.transport.send(f"{alice.lid}@lid", Reply("next"))
        gateway_count = server.timeline.names().count("online")

    endless, following = server.replies
    assert endless.document.data.decode().endswith("(The rest was cut off.)")
    assert (following.text, gateway_count) == ("next", 1)


def _check_replies(server, folder):
    """Every message in the journal has one reply, or one of which nobody can say."""
    quoted = Counter(reply.quoted_id for reply in server.replies)
    unknown = _count(folder, "outbox", "state = 'unknown'")
    received = _count(folder, "inbox", "1")

    assert quoted.most_common(1)[0][1] == 1
    assert received - unknown <= len(quoted) <= received
    assert unknown <= 4


def _count(folder, table, condition):
    with closing(sqlite3.connect(folder / "journal.sqlite3", timeout=20)) as db, db:
        (count,) = db.execute(
            f"SELECT count(*) FROM {table} WHERE {condition}"  # noqa: S608 - constants
        ).fetchone()
    db.close()
    return count


async def test_what_is_no_message_to_act_on_is_recorded_with_its_rule(server, folder):
    alice = server.person("Alice")
    async with daemon(folder) as bot:
        sent = await server.send_text("hello", sender=alice)
        await server.next_reply()

        for content in (
            contents.reaction(sent, ""),
            contents.album(2),
            contents.pin(sent),
            contents.revoke(sent),
            contents.edit(sent, "/use web"),
            contents.unknown(),
        ):
            await server.send(content, sender=alice)
        await server.send_text("my day", sender=alice, chat=STATUS)
        await eventually(lambda: len(bot.records.entries) == 7)

    assert [entry.rule for entry in bot.records.entries] == [
        "reaction removed",
        "part of another message",
        "not a text",
        "deleted",
        "edited after it was handled",
        "unknown kind",
        "status or broadcast list",
    ]
    assert len(server.replies) == 1


async def test_an_edit_replaces_a_command_that_was_not_yet_handed_over(server, folder):
    alice = server.person("Alice")
    async with daemon(folder):
        await server.wait_online()
    await server.wait_offline()
    sent = await server.send_text("/use ap", sender=alice)
    await server.send(contents.edit(sent, "/use api"), sender=alice)

    async with daemon(folder) as bot:
        reply = await server.next_reply()

    assert reply.text == "echo /use api"
    assert len(bot.messages) == 1
    assert bot.records.entries == []


async def test_the_owner_is_answered_wherever_they_write_and_butler_never_answers_itself(
    server, folder
):
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        await server.send_text("/help", sender=server.owner)
        to_self = await server.next_reply()
        await server.send_text("/help", sender=server.owner, chat=alice)
        to_alice = await server.next_reply()
        await server.send_text("/last", sender=alice)
        await server.next_reply()

    assert (to_self.chat, to_alice.chat) == (server.owner, alice)
    assert [message.is_own for message in bot.messages] == [True, True, False]
    assert [message.chat_id for message in bot.messages] == [
        f"{server.owner.lid}@lid",
        f"{alice.lid}@lid",
        f"{alice.lid}@lid",
    ]
    assert len(server.replies) == 3


async def test_an_offline_queue_of_300_comes_in_order(server, folder):
    alice = server.person("Alice")
    for number in range(300):
        await server.send_text(f"{number}", sender=alice)

    async with daemon(folder, echoes=False) as bot:
        messages = bot.transport.messages()
        for number in range(300):
            message = await anext(messages)
            assert message.text == f"{number}"
            await bot.transport.acknowledge(message)

    assert _count(folder, "inbox", "state = 'done'") == 300


async def test_a_folder_may_have_any_name(server, folder):
    alice = server.person("Alice")
    odd = folder.rename(folder.with_name("postgres #1? 50%25 & _x= ü"))

    async with daemon(odd):
        await server.send_text("/help", sender=alice)
        reply = await server.next_reply()

    assert reply.text == "echo /help"
    assert linked_account(odd) == f"+{server.owner.phone}"
    assert {path.stat().st_mode & 0o777 for path in odd.iterdir()} == {0o600}


async def test_bad_input_does_not_stop_the_rest(server, folder, caplog):
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        await server.wait_online()
        server.send_stanza(element("message", {"id": "X", "from": "no jid", "type": "text"}))
        server.send_stanza(element("nonsense", {"x": "y"}))
        await server.send_text("x" * 65_536, sender=alice)
        long = await server.next_reply()
        await server.send_text("/help", sender=alice)
        short = await server.next_reply()

    assert long.document.data.decode() == f"echo {'x' * 65_536}"
    assert short.text == "echo /help"
    assert len(bot.messages) == 2
    # The library does not say the id of a message that it cannot take apart.
    assert caplog.text.count("Failed to parse message") == 1
