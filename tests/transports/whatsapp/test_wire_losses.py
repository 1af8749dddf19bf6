"""A connection that drops while WhatsApp has a reply and has not said so."""

import asyncio

import pytest

from butler.chat.message import Reply
from butler.errors import TransportError
from butler.transports.whatsapp.protocol.frames import Limits
from whatsapp_daemon import daemon

pytestmark = pytest.mark.wire


async def _sent_and_dropped(server, bot):
    """Send a reply that is not acknowledged, and drop the connection under it."""
    alice = server.person("Alice")
    sending = asyncio.create_task(bot.transport.send(f"{alice.lid}@lid", Reply("hello")))
    reply = await server.next_reply()
    server.faults.drop()
    return reply, sending


async def test_a_reply_that_the_library_repeats_under_its_id_is_sent_once(server, folder):
    server.faults.lose_acknowledgements(1)
    async with daemon(folder, echoes=False) as bot:
        await server.wait_online()
        reply, sending = await _sent_and_dropped(server, bot)

        assert await sending == reply.id

    assert [each.text for each in server.replies] == ["hello"]


async def test_a_reply_that_is_never_acknowledged_is_unknown_and_not_repeated(server, folder):
    server.faults.lose_acknowledgements()
    async with daemon(folder, echoes=False, limits=Limits(send_s=5)) as bot:
        await server.wait_online()
        _reply, sending = await _sent_and_dropped(server, bot)

        with pytest.raises(TransportError, match="A reply may or may not have arrived"):
            await sending
        await server.wait_offline()
        await server.wait_online()

    assert [each.text for each in server.replies] == ["hello"]
