"""What waits to be sent: in order, at most one of each, and never in the way of what overtakes."""

import asyncio

import pytest
import pytest_asyncio

from butler.fleet.broker import BrokerError, Pushed
from butler.fleet.frames import Confirmed, Typing, Withdrawn
from butler.fleet.pump import MOST_PASSING, Pump


class Wire:
    """A receiver that can be away, or full."""

    def __init__(self):
        self.got = []
        self.is_away = False
        self.is_full = False
        self.tried = asyncio.Event()

    async def push(self, urgent, other):
        self.tried.set()
        if self.is_away:
            raise BrokerError("Redis is away")
        if self.is_full and other:
            return Pushed.FULL
        self.got.append((list(urgent), list(other)))
        return Pushed.DONE

    @property
    def frames(self):
        return [each for urgent, other in self.got for each in (*urgent, *other)]


@pytest.fixture(autouse=True)
def at_once(mocker):
    mocker.patch("butler.fleet.pump.RETRY_S", 0.001)


@pytest_asyncio.fixture
async def pump():
    wire = Wire()
    pump = Pump(wire.push, "laptop")
    pump.wire = wire
    running = asyncio.create_task(pump.run())
    yield pump
    running.cancel()
    await asyncio.wait([running])


async def emptied(pump):
    async with asyncio.timeout(20):
        while len(pump) or not pump.wire.got:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def tried(pump):
    """Wait until two more attempts were made."""
    for _ in range(2):
        pump.wire.tried.clear()
        await pump.wire.tried.wait()


async def test_what_waits_goes_in_one_envelope_in_order(pump):
    frames = [Withdrawn(str(number)) for number in range(5)]
    for each in frames:
        pump.send(each)

    await emptied(pump)

    assert pump.wire.got == [([], frames)]


async def test_what_is_repeated_while_redis_is_away_waits_once(pump):
    pump.wire.is_away = True
    for _ in range(100):
        for number in range(3):
            pump.send(Confirmed("chat", number))
        await asyncio.sleep(0)
    await tried(pump)
    assert len(pump) <= 3

    pump.wire.is_away = False
    await emptied(pump)

    assert [each.number for each in pump.wire.frames] == [0, 1, 2]


async def test_the_latest_form_is_sent(pump):
    from butler.access.rules import Role
    from butler.fleet.frames import Turn
    from butler.testing import make_message

    def turn(left_s):
        return Turn("t", make_message("/repo"), Role.OWNER, "repo", "", (), left_s)

    pump.wire.is_away = True
    pump.send(turn(900.0))
    await tried(pump)
    pump.send(turn(10.0))
    pump.wire.is_away = False

    await emptied(pump)

    assert pump.wire.frames[-1].left_s == 10.0


async def test_what_nobody_repeats_is_bounded(pump):
    pump.wire.is_away = True
    for number in range(2 * MOST_PASSING):
        pump.send(Typing(f"chat {number}", True))

    assert len(pump) <= MOST_PASSING


async def test_what_overtakes_does_not_wait_for_a_full_stream(pump):
    pump.wire.is_full = True
    pump.send(Withdrawn("slow"))
    await tried(pump)

    pump.send(Withdrawn("fast"), is_urgent=True)
    async with asyncio.timeout(20):
        while not pump.wire.got:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert pump.wire.frames == [Withdrawn("fast")]

    pump.wire.is_full = False
    await emptied(pump)
    assert pump.wire.frames == [Withdrawn("fast"), Withdrawn("slow")]


async def test_what_was_dropped_during_an_attempt_is_not_sent_after_it(pump):
    pump.wire.is_away = True
    pump.send(Withdrawn("old"))
    await tried(pump)

    pump.drop_all()
    pump.wire.is_away = False
    pump.send(Withdrawn("new"))
    await emptied(pump)

    assert pump.wire.frames == [Withdrawn("new")]
