"""Butler as its operator has it: sub-commands as processes, a phone, and what goes wrong."""

import re
import signal

import pytest

from butler.ops import report as status
from crash_series import Butler, eventually, is_alive, link, query, write_config
from whatsapp_server import contents
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = pytest.mark.wire

CODE = re.compile("([A-Z0-9]{4}-[A-Z0-9]{4})")


async def _pair_by_code(server, config):
    """Link the account by the code that is shown; return the exit status and what was printed."""
    arguments = ("pair", "--phone", f"+{server.owner.phone}")
    async with Butler(config, server, *arguments) as butler:
        before = butler.log
        await eventually(lambda: CODE.search(butler.log.removeprefix(before)))
        await server.enter_code(CODE.search(butler.log.removeprefix(before))[1])
        exit_status = await butler.process.wait()
    await server.wait_offline()
    return exit_status, butler.log.removeprefix(before)


def _shown(config, subject):
    """Return what ``butler status`` says of this, if anything."""
    lines = status.lines(status.status(config))
    return next((line for line in lines if line.startswith(subject)), "")


def _is_connected(config):
    return _shown(config, "link").startswith("link      connected since ")


async def test_an_account_that_was_logged_out_is_linked_again_without_cleaning_up(
    whatsapp_server, tmp_path
):
    server = whatsapp_server
    alice = server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    linked, printed = await _pair_by_code(server, config)
    assert linked == 0
    assert printed.endswith(f"Linked as +{server.owner.phone}. Next: butler run\n")

    async with Butler(config, server, "run") as butler:
        await server.wait_online()
        server.faults.log_out()
        assert await butler.process.wait() == 2
    assert butler.log.splitlines()[-1] == (
        "WhatsApp has logged this device out: it was removed on the phone, or the account was "
        "closed. Link it again with: butler pair"
    )
    assert _shown(config, "account").endswith("not linked; link with: butler pair")
    assert "(WhatsApp has logged this device out: " in _shown(config, "link")

    linked, _printed = await _pair_by_code(server, config)
    assert linked == 0
    assert _shown(config, "link") == ""
    async with Butler(config, server, "run"):
        await server.send_text("/use api", sender=alice)
        reply = await server.next_reply()
    assert reply.text == "This chat now works on *api*, on branch main."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_daemon_and_its_gateway_in_order(whatsapp_server, tmp_path, number):
    alice = whatsapp_server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    await link(whatsapp_server, config)

    async with Butler(config, whatsapp_server, "run") as butler:
        await whatsapp_server.send_text("/use api", sender=alice)
        await whatsapp_server.next_reply()
        gateway = await butler.gateway()
        butler.process.send_signal(number)
        assert await butler.process.wait() == 0

    assert not is_alive(gateway)
    assert "Traceback" not in butler.log


async def test_the_link_is_in_the_log_and_in_status_since_when_and_why(whatsapp_server, tmp_path):
    server = whatsapp_server
    config = write_config(tmp_path)
    await link(server, config)

    async with Butler(config, server, "run") as butler:
        await eventually(lambda: _is_connected(config))
        server.faults.shut()
        await eventually(lambda: "(the connection was lost)" in _shown(config, "link"))
        lost = _shown(config, "link")
        await server.faults.reopen()
        await eventually(lambda: _is_connected(config))

    assert re.fullmatch(
        r"link      disconnected since (\S+ )?\d\d:\d\d \(the connection was lost\)", lost
    )
    assert "WhatsApp is disconnected: the connection was lost" in butler.log
    assert butler.log.count("WhatsApp is connected") == 2
    assert butler.log.count("Ready: write /repos to yourself on WhatsApp. Ctrl-C stops.") == 1
    assert butler.log.index("Stopping…") < butler.log.index("Stopped.")
    assert "websocket" not in butler.log
    assert _shown(config, "daemon") == "daemon    not running; start it with: butler run"


async def test_a_bot_that_says_commands_back_is_answered_once_and_the_owner_is_told(
    whatsapp_server, tmp_path
):
    server = whatsapp_server
    alice, robot = server.person("Alice"), server.person("Robot")
    team = server.group("Team", [alice, robot])
    config = write_config(tmp_path, groups=[team])
    await link(server, config)

    async with Butler(config, server, "run"):
        await server.send_text("/repos", sender=alice, chat=team)
        reply = await server.next_reply()
        await eventually(lambda: query(config, "SELECT 1 FROM names WHERE name = 'Team'"))
        await server.send_text("/repos", sender=robot, chat=team, quote=reply)
        reply = await server.next_reply()
        await server.send_text("/repos", sender=robot, chat=team, quote=reply)
        told = await server.next_reply()
        muted = await server.send_text("/repos", sender=alice, chat=team)
        await server.wait_acknowledged(muted)

    assert told.chat is server.owner
    assert told.text.startswith("Another bot is echoing my commands in *Team*,")
    assert [each.chat for each in server.replies] == [team, team, server.owner]


async def test_a_typo_in_a_direct_chat_meets_no_silence_and_its_edit_counts_as_new(
    whatsapp_server, tmp_path
):
    server = whatsapp_server
    alice, bob = server.person("Alice"), server.person("Bob")
    team = server.group("Team", [alice, bob])
    config = write_config(tmp_path, people=[alice, bob], groups=[team])
    await link(server, config)

    async with Butler(config, server, "run"):
        for chat in (None, team):
            sent = await server.send_text("/ues api", sender=alice, chat=chat)
            if chat is None:
                await server.next_reply()
            await server.wait_acknowledged(sent)
            await eventually(lambda: _has_no_effect(config, sent.id))  # noqa: B023 - awaited here
            edit = contents.sealed_edit(sent, "/use api")
            await server.send(edit, sender=alice, chat=chat)
            await server.next_reply()
        await server.send(contents.sticker(), sender=bob, chat=team)
        await server.send(contents.sticker(), sender=bob)
        await server.next_reply()

    assert [(reply.chat, reply.text.partition(".")[0]) for reply in server.replies] == [
        (alice, "There is no /ues"),
        (alice, "This chat now works on *api*, on branch main"),
        (team, "This chat now works on *api*, on branch main"),
        (bob, "I cannot read a sticker"),
    ]


def _has_no_effect(config, message_id):
    return query(
        config,
        f"SELECT 1 FROM inbox WHERE message_id = '{message_id}' AND state = 'without effect'",  # noqa: S608 - our own id
    )
