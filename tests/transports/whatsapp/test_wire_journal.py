"""A journal that goes bad, while the real gateway has it."""

import sqlite3
from contextlib import closing

import pytest

from butler.errors import TransportError
from whatsapp_daemon import daemon, eventually

pytestmark = pytest.mark.wire


def _change(folder, *statements):
    with closing(sqlite3.connect(folder / "journal.sqlite3", timeout=20)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


async def test_bytes_in_the_journal_that_are_no_event_stop_nothing_else(server, folder, caplog):
    alice = server.person("Alice")
    async with daemon(folder):
        await server.wait_online()
    await server.wait_offline()
    _change(
        folder,
        "INSERT INTO inbox (message_id, chat, sender, author, event, state, time) "
        "VALUES ('BAD', '1@lid', '1@lid', '', x'ff00ff', 'received', 0)",
    )
    await server.send_text("/help", sender=alice)

    async with daemon(folder) as bot:
        assert (await server.next_reply()).text == "echo /help"

    assert [message.text for message in bot.messages] == ["/help"]
    said = [each for each in caplog.messages if "message BAD in the journal cannot be read" in each]
    assert len(said) == 1


async def test_a_journal_that_is_damaged_in_use_ends_the_link_with_one_sentence(server, folder):
    alice = server.person("Alice")

    async def ended():
        async with daemon(folder, echoes=False) as bot:
            await server.wait_online()
            _change(
                folder,
                "PRAGMA writable_schema = ON",
                "UPDATE sqlite_master SET sql = 'CREATE TABLE inbox (' WHERE name = 'inbox'",
                "PRAGMA schema_version = 1000",
            )
            await server.send_text("/help", sender=alice)
            await eventually(lambda: bot.transport.state.name == "ended")

    with pytest.raises(TransportError, match=r"The journal .* is damaged: .* Move it away"):
        await ended()
