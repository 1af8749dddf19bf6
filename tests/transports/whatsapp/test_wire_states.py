"""Everything that can become of the connection, against the stand-in server."""

import asyncio
import os
import signal
import time

import pytest

from butler.chat.message import Reply
from butler.errors import TransportError
from butler.transports.whatsapp import linked_account
from butler.transports.whatsapp.daemon import process
from butler.transports.whatsapp.protocol.frames import Limits
from crash_series import is_alive
from whatsapp_daemon import daemon, eventually, linked
from whatsapp_server import Door

pytestmark = pytest.mark.wire

QUICK = Limits(poll_s=0.2, poll_limit_s=0.5, offline_s=0.5)


async def test_a_dropped_connection_comes_back_by_itself(server, folder):
    alice = server.person("Alice")
    async with daemon(folder) as bot:
        await server.wait_online()
        gateway = bot.gateway_id
        server.faults.drop()
        await server.wait_offline()
        await server.send_text("/help", sender=alice)

        reply = await server.next_reply()

        assert reply.text == "echo /help"
        assert bot.gateway_id == gateway


@pytest.mark.parametrize("door", [Door.CLOSED, Door.REFUSED, Door.NO_UPGRADE, Door.SILENT])
async def test_a_gateway_that_cannot_connect_is_replaced_until_it_can(
    server, folder, door, monkeypatch
):
    monkeypatch.setattr(process, "GRACE_S", 0.5)
    alice = server.person("Alice")
    server.faults.shut(door)

    async with daemon(folder, limits=QUICK) as bot:
        await eventually(lambda: bot.transport.state.name == "waiting")
        await server.faults.reopen()
        bot.be_patient()
        await server.send_text("/help", sender=alice)
        reply = await server.next_reply()

    assert reply.text == "echo /help"


async def _until_the_end(folder, server=None, fault=None):
    async with daemon(folder, echoes=False) as bot:
        if server:
            await server.wait_online()
            fault()
        async for _message in bot.transport.messages():
            pytest.fail("there should be none")
        assert bot.transport.state.name == "ended"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("log_out", "Link it again with: butler pair"),
        ("replace", "Another process uses the same WhatsApp session"),
        ("outdate", "Install a newer version of neonize"),
    ],
)
async def test_what_needs_a_person_ends_the_transport_with_one_sentence(
    server, folder, fault, said
):
    with pytest.raises(TransportError, match=said):
        await _until_the_end(folder, server, getattr(server.faults, fault))


async def test_after_a_logout_the_account_can_be_linked_again_at_once(server, folder):
    alice = server.person("Alice")
    with pytest.raises(TransportError, match="logged this device out"):
        await _until_the_end(folder, server, server.faults.log_out)
    assert linked_account(folder) is None

    await linked(server, folder)

    async with daemon(folder):
        await server.send_text("/help", sender=alice)
        assert (await server.next_reply()).text == "echo /help"


async def test_without_an_account_the_transport_ends_with_how_to_link_one(server, tmp_path):
    with pytest.raises(TransportError, match="Link one with: butler pair"):
        await _until_the_end(tmp_path / "new")


async def test_a_banned_account_waits_until_the_end_of_the_ban(server, folder):
    alice = server.person("Alice")
    async with daemon(folder) as bot:
        await server.wait_online()
        server.faults.ban(expire_s=2)
        await eventually(lambda: bot.transport.state.name == "waiting")
        waiting = bot.transport.state
        server.faults.accept_logins()
        await server.send_text("/help", sender=alice)
        await server.next_reply()

    assert time.time() - waiting.since > 1.9
    assert waiting.reason.startswith("WhatsApp has banned the account for 2 s, because it wrote to")


async def test_a_refused_login_waits_long(server, folder):
    async with daemon(folder, echoes=False) as bot:
        await server.wait_online()
        server.faults.fail_logins(400)
        await eventually(lambda: bot.transport.state.name == "waiting")

        assert "refused the login" in bot.transport.state.reason


async def test_a_gateway_that_hangs_is_killed_and_replaced(server, folder, monkeypatch, mocker):
    monkeypatch.setattr(process, "PING_EVERY_S", 0.3)
    waiting = mocker.spy(process.GatewayProcess, "_next")
    alice = server.person("Alice")

    async with daemon(folder) as bot:
        await server.wait_online()
        hanging = bot.gateway_id
        # The limit is for this one alone, and from its next word on: its successor may need longer
        # to start.
        monkeypatch.setattr(process, "SILENCE_LIMIT_S", 1.5)
        waits = waiting.call_count
        await eventually(lambda: waiting.call_count > waits)
        os.kill(hanging, signal.SIGSTOP)
        await eventually(lambda: not is_alive(hanging))
        monkeypatch.setattr(process, "SILENCE_LIMIT_S", 30)
        await server.send_text("/help", sender=alice)
        reply = await server.next_reply()

    assert reply.text == "echo /help"


async def test_a_library_that_aborts_is_replaced(server, folder):
    alice = server.person("Alice")
    async with daemon(folder) as bot:
        await server.wait_online()
        os.kill(bot.gateway_id, signal.SIGABRT)
        await server.wait_offline()
        await server.send_text("/help", sender=alice)

        assert (await server.next_reply()).text == "echo /help"


@pytest.mark.parametrize(
    ("door", "happens"),
    [(Door.OPEN, "online"), (Door.NO_UPGRADE, "stalled"), (Door.REFUSED, "refused")],
)
async def test_leaving_ends_the_gateway_within_five_seconds_in_every_state(
    server, folder, door, happens
):
    server.faults.shut(door)
    async with daemon(folder, echoes=False) as bot:
        await eventually(lambda: bot.gateway_id)
        gateway = bot.gateway_id
        await server.timeline.wait(happens)
        leaving = time.monotonic()

    assert time.monotonic() - leaving < 5
    with pytest.raises(ProcessLookupError):
        os.kill(gateway, 0)


async def test_leaving_with_a_send_that_is_stuck_takes_less_than_five_seconds(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        await server.send_text("/run", sender=alice)
        message = await anext(bot.transport.messages())
        server.faults.hold_acknowledgements()
        stuck = asyncio.create_task(bot.transport.send(message.chat_id, Reply("stuck", message)))
        await server.next_reply()
        leaving = time.monotonic()

    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)
    assert time.monotonic() - leaving < 5


@pytest.mark.parametrize(("reason", "code"), [(402, 105), (415, None)])
async def test_a_library_that_stops_to_deliver_events_is_replaced(server, folder, reason, code):
    alice = server.person("Alice")
    async with daemon(folder) as bot:
        await server.wait_online()
        server.faults.fail_logins(reason, code=code, expire_s=1)
        await eventually(lambda: bot.transport.state.name == "waiting")
        said = bot.transport.state.reason
        server.faults.accept_logins()
        await server.send_text("/help", sender=alice)
        reply = await server.next_reply()

    assert said == "The WhatsApp library stopped delivering events."
    assert reply.text == "echo /help"


async def test_a_reconnection_that_fails_after_a_restart_request_is_made_anew(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, limits=Limits(poll_s=0.2, offline_s=3)) as bot:
        await server.wait_online()
        server.faults.refuse_connections(2)
        server.faults.stream_error(515)
        await server.timeline.wait("refused")
        bot.be_patient()
        await server.send_text("/help", sender=alice)

        assert (await server.next_reply()).text == "echo /help"
        assert bot.transport.state.name == "connected"
