"""What a signal does to the turns under way."""

import asyncio
import os
import signal

import pytest

from butler.app import read_setup
from butler.chat.message import Reply
from butler.ops.shutdown import SHUTDOWN_S, converse
from butler.records.model import MemoryRecords
from butler.testing import OWNER, Chat, FakeTransport

LIMIT_S = 20
"""For what happens at once, or never."""


class SlowTransport(FakeTransport):
    """A network that takes a reply once it is let go on."""

    def __init__(self):
        super().__init__()
        self.is_sending, self.goes_on = asyncio.Event(), asyncio.Event()

    async def send(self, chat_id: str, reply: Reply) -> str:
        self.is_sending.set()
        await self.goes_on.wait()
        return await super().send(chat_id, reply)


class Serving:
    """A bot with a turn under way that does not end by itself."""

    def __init__(self, setup):
        self.transport, self.stopped = SlowTransport(), asyncio.Event()
        records = MemoryRecords()
        self.task = asyncio.create_task(
            converse(setup, self.transport, records, on_stop=self.stopped.set)
        )
        self.message = Chat(self.transport, records, None, sender=OWNER).message("/use api")
        self.transport.receive(self.message)

    async def signal(self, number):
        """Send a signal and wait until it was seen."""
        self.stopped.clear()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(LIMIT_S):
            await self.stopped.wait()

    async def ended(self):
        """Wait until it has ended; return whether it was cut off."""
        await asyncio.wait([self.task], timeout=LIMIT_S)
        assert self.task.done()
        return self.task.cancelled()


@pytest.fixture
async def serving(butler_toml, tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml)
    serving = Serving(read_setup(path))
    async with asyncio.timeout(LIMIT_S):
        await serving.transport.is_sending.wait()
    yield serving
    serving.task.cancel()
    await asyncio.wait([serving.task])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_after_a_signal_the_turn_under_way_goes_on_to_its_end(serving, number):
    await serving.signal(number)
    serving.transport.goes_on.set()

    assert not await serving.ended()
    assert serving.transport.acknowledged == [serving.message]


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
async def test_a_second_signal_cuts_the_wait_for_turns_short(serving, mocker, first, second):
    mocker.patch("butler.ops.shutdown.SHUTDOWN_S", 3600.0)
    await serving.signal(first)
    assert not serving.task.done()
    await serving.signal(second)

    is_interrupt = {first, second} == {signal.SIGINT}
    assert await serving.ended() is is_interrupt
    assert serving.transport.acknowledged == []


async def test_a_turn_that_takes_too_long_after_a_signal_stays_unacknowledged(serving, clock):
    await serving.signal(signal.SIGTERM)
    assert not serving.task.done()
    clock.put_forward(SHUTDOWN_S)

    assert not await serving.ended()
    assert serving.transport.acknowledged == []
