"""Damaged credentials, and messages that nobody can read any longer."""

import sqlite3
from contextlib import closing, nullcontext

import pytest

from butler.cli import unlink as cli_unlink
from butler.errors import LinkEndedError
from butler.transports.whatsapp.account import CREDENTIALS
from butler.transports.whatsapp.protocol.frames import Limits
from whatsapp_daemon import daemon, eventually

pytestmark = pytest.mark.wire

PAGE_BYTES = 4_096


def _damage(path, table):
    """Break 64 bytes at the start of a table."""
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        start = (db.execute(query, (table,)).fetchone()[0] - 1) * PAGE_BYTES
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[start : start + 64] = bytes(64)
    path.write_bytes(content)


async def _until_the_end(folder):
    async with daemon(folder, echoes=False) as bot:
        async for _message in bot.transport.messages():
            pytest.fail("there should be none")


async def test_with_damaged_credentials_the_link_ends_with_the_way_out(server, folder):
    _damage(folder / CREDENTIALS, "whatsmeow_pre_keys")

    with pytest.raises(LinkEndedError, match=r"are damaged .* butler unlink, then butler pair"):
        await _until_the_end(folder)


async def test_a_link_over_which_nothing_can_be_decrypted_is_deaf_until_something_can(
    server, folder
):
    alice, bob = server.person("Alice"), server.person("Bob")

    async with daemon(folder, limits=Limits(repair_s=1)) as bot:
        await server.wait_online()
        for sender in (alice, bob, alice):
            await server.send_text("/broken", sender=sender, damage="always")
        await eventually(lambda: bot.transport.state.health.is_deaf)
        assert bot.transport.state.health.undecryptable == 3
        await server.send_text("/help", sender=server.person("Carol"))
        await eventually(lambda: not bot.transport.state.health.is_deaf)


async def test_damaged_credentials_can_be_unlinked(server, folder, capsys, mocker):
    _damage(folder / CREDENTIALS, "whatsmeow_device")
    mocker.patch.object(cli_unlink, "whatsapp_folder", return_value=nullcontext(folder))
    mocker.patch.object(cli_unlink, "forget")

    await cli_unlink._unlink(mocker.Mock(whatsapp=mocker.Mock(device_name="Butler")))

    assert not folder.exists()
    said = capsys.readouterr().out
    assert said.startswith("The account, whose credentials cannot be read, is no longer linked.")
    assert "So remove Butler on the phone, too" in said
