"""How a bot gets linked, and what it hears when it does not work."""

from pathlib import Path

import pytest

from whatsapp_server import WhatsAppServer, WrongCodeError
from whatsapp_server.bot_process import BotProcess
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = pytest.mark.wire


async def test_a_scanned_code_links_the_bot_under_its_name(
    whatsapp_server: WhatsAppServer, tmp_path: Path
) -> None:
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.link()

    assert whatsapp_server.linked_device_name == "Echo Bot"


async def test_a_code_typed_on_the_phone_links_the_bot(
    whatsapp_server: WhatsAppServer, tmp_path: Path
) -> None:
    phone = {"ECHO_BOT_PHONE": whatsapp_server.owner.phone}
    async with BotProcess(whatsapp_server, tmp_path, environment=phone) as bot:
        shown = (await bot.wait("code"))["code"]
        with pytest.raises(WrongCodeError):
            await whatsapp_server.enter_code("ABCD-1234")
        await whatsapp_server.enter_code(shown)
        await bot.wait("connected")


async def test_a_request_for_a_passkey_is_reported(
    whatsapp_server: WhatsAppServer, tmp_path: Path
) -> None:
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.wait("qr")
        whatsapp_server.request_passkey()
        await bot.wait("login-status", status="passkey-request")


async def test_a_removed_device_has_to_be_linked_again(
    whatsapp_server: WhatsAppServer, tmp_path: Path
) -> None:
    async with BotProcess(whatsapp_server, tmp_path) as bot:
        await bot.link()
        whatsapp_server.faults.log_out()
        await bot.wait("logged-out")
        await whatsapp_server.wait_offline()
    assert whatsapp_server.linked_device_name is None
