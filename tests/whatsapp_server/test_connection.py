"""Connections that fail, in every way there is."""

from pathlib import Path

import pytest

from whatsapp_server import Door, WhatsAppServer
from whatsapp_server.bot_process import BotProcess
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = pytest.mark.wire


@pytest.mark.parametrize("door", [Door.REFUSED, Door.CLOSED])
async def test_a_refusal_at_the_start_is_an_error_at_once(
    whatsapp_server: WhatsAppServer, tmp_path: Path, door: Door
) -> None:
    whatsapp_server.faults.shut(door)
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.wait("connect-error")


@pytest.mark.parametrize("door", [Door.SILENT, Door.NO_TLS, Door.NO_UPGRADE, Door.NO_HANDSHAKE])
async def test_a_silent_server_keeps_the_bot_waiting(
    whatsapp_server: WhatsAppServer, tmp_path: Path, door: Door
) -> None:
    whatsapp_server.faults.shut(door)
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await whatsapp_server.timeline.wait("stalled")

        assert bot.events == []


async def test_the_life_of_a_connection(whatsapp_server: WhatsAppServer, tmp_path: Path) -> None:
    server, faults = whatsapp_server, whatsapp_server.faults
    alice = server.person("Alice")
    async with BotProcess(server, tmp_path) as bot:
        await bot.link()

        mark = bot.mark()
        faults.drop()
        await bot.wait("disconnected", since=mark)
        await bot.wait("connected", since=mark)

        mark = bot.mark()
        faults.stream_error(515)
        await bot.wait("connected", since=mark)

        faults.shut()
        await server.wait_offline()
        texts = [f"/quiet {number}" for number in range(300)]
        for text in texts:
            await server.send_text(text, sender=alice)
        await faults.reopen()
        await bot.wait("offline-completed", count=300)
        assert [event["text"] for event in bot.having("message")] == texts

        mark = bot.mark()
        faults.replace()
        await bot.wait("replaced", since=mark)


async def test_a_failed_reconnect_after_a_stream_error_is_the_end(
    whatsapp_server: WhatsAppServer, tmp_path: Path
) -> None:
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.link()
        whatsapp_server.faults.refuse_connections(1)
        whatsapp_server.faults.stream_error(515)
        await whatsapp_server.timeline.wait("refused")

    assert whatsapp_server.timeline.names().count("login") == 1


@pytest.mark.parametrize(
    ("reason", "event"),
    [(405, "outdated"), (401, "logged-out"), (400, "connect-failure")],
)
async def test_a_login_can_fail(
    whatsapp_server: WhatsAppServer, tmp_path: Path, reason: int, event: str
) -> None:
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.link()
        whatsapp_server.faults.fail_logins(reason)

        await bot.wait(event)


async def test_a_ban_says_why_and_for_how_long(
    whatsapp_server: WhatsAppServer, tmp_path: Path
) -> None:
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.link()
        whatsapp_server.faults.ban(expire_s=60, code=104)

        await bot.wait("banned", code=4, expire=60)


async def test_a_busy_server_is_tried_again(
    whatsapp_server: WhatsAppServer, tmp_path: Path
) -> None:
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.link()
        mark = bot.mark()
        whatsapp_server.faults.fail_logins(503)
        await whatsapp_server.timeline.wait("login-failed")
        whatsapp_server.faults.accept_logins()

        await bot.wait("connected", since=mark)


async def test_a_frozen_connection_says_nothing(
    whatsapp_server: WhatsAppServer, tmp_path: Path
) -> None:
    alice = whatsapp_server.person("Alice")
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.link()
        whatsapp_server.faults.freeze()
        lost = await whatsapp_server.send_text("/quiet", sender=alice)
        whatsapp_server.faults.drop()
        await bot.wait("message", id=lost.id)

    assert lost.deliveries == 2


async def test_another_server_can_continue_in_the_same_world(
    whatsapp_server: WhatsAppServer, tmp_path: Path
) -> None:
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.link()
    alice = whatsapp_server.person("Alice")
    async with WhatsAppServer(world=whatsapp_server.world) as server:
        await server.send_text("are you there?", sender=alice)
        async with BotProcess(server, tmp_path):
            assert (await server.next_reply()).text == "echo are you there?"
