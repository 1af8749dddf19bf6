"""Replies of jobs, which no turn keeps open: what becomes of them when their gateway is killed."""

import asyncio
import os
import signal
from collections import Counter

import pytest

from butler.chat.message import Reply
from butler.errors import TransportError
from whatsapp_daemon import daemon, eventually

pytestmark = pytest.mark.wire


async def _after_a_turn(server, bot, sender):
    """Return a message whose turn is over."""
    await server.send_text("/run", sender=sender)
    message = await anext(bot.transport.messages())
    await bot.transport.acknowledge(message)
    return message


async def test_a_reply_that_waits_outlives_its_gateway(server, folder):
    alice = server.person("Alice")
    async with daemon(folder, echoes=False) as bot:
        message = await _after_a_turn(server, bot, alice)
        server.faults.shut()
        await eventually(lambda: bot.transport.state.name == "disconnected")
        answering = asyncio.create_task(
            bot.transport.send(message.chat_id, Reply("the answer", message))
        )
        await asyncio.sleep(0)
        os.kill(bot.gateway_id, signal.SIGKILL)
        await server.faults.reopen()

        assert await answering == (await server.next_reply()).id

    assert [reply.text for reply in server.replies] == ["the answer"]


async def test_replies_around_a_kill_are_sent_once_or_marked_as_unknown(server, folder):
    alice = server.person("Alice")
    unknown = {}

    async def answer(message, text):
        try:
            await bot.transport.send(message.chat_id, Reply(text, message))
        except TransportError as error:
            unknown[text] = str(error)

    async with daemon(folder, echoes=False) as bot:
        message = await _after_a_turn(server, bot, alice)
        texts = [f"answer {number}" for number in range(40)]
        async with asyncio.TaskGroup() as jobs:
            for text in texts:
                jobs.create_task(answer(message, text))
            for count in (10, 25):
                gateway = bot.gateway_id
                await server.timeline.until(lambda: len(server.replies) >= count)  # noqa: B023
                os.kill(gateway, signal.SIGKILL)
                await eventually(lambda: bot.gateway_id not in {None, gateway})  # noqa: B023

    arrived = Counter(reply.text for reply in server.replies)
    assert set(arrived.values()) == {1}
    assert set(texts) - set(arrived) <= set(unknown)
    assert all("A reply may or may not have arrived" in each for each in unknown.values())
    assert len(unknown) <= 2
    assert [each for each in arrived if each not in unknown] == [
        each for each in texts if each not in unknown
    ]
