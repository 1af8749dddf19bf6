"""The clock that tests put forward."""

import asyncio
import time

from butler.testing import Clock


async def test_the_time_of_day_stands_still_until_it_is_put_forward(clock):
    before = time.time()
    await asyncio.sleep(0.001)
    assert time.time() == clock() == before

    clock.put_forward(90)

    assert time.time() == clock() == before + 90


async def test_timers_and_timeouts_go_by_the_clock(clock):
    rung = asyncio.Event()
    asyncio.get_running_loop().call_later(3_600, rung.set)
    before = time.monotonic()

    clock.put_forward(3_600)

    await rung.wait()
    assert time.monotonic() >= before + 3_600


async def test_timers_go_on_by_themselves(clock):
    await asyncio.sleep(0.001)

    assert clock.ahead_s == 0


def test_a_clock_of_its_own_says_what_it_is_told():
    clock = Clock(1_000)
    clock.put_forward(-60)
    assert clock() == 940

    clock.now = 5

    assert clock() == 5
