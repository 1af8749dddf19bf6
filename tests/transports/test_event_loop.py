"""Timers of the daemon, while it is frozen and while its machine sleeps."""

import asyncio
import itertools

import pytest

from butler.transports.event_loop import FreezeAwareLoop, FreezeAwareSelector


def selector(*readings, asleep=0.0):
    """A selector whose clock shows these seconds, one after the other."""
    clock = itertools.cycle(readings)
    with_sleep = itertools.cycle([readings[0], readings[-1] + asleep])
    return FreezeAwareSelector(lambda: next(clock), lambda: next(with_sleep))


@pytest.mark.parametrize(
    ("timeout_s", "elapsed_s", "frozen_s"),
    [(0.0, 0.1, 0.0), (0.0, 1.9, 0.0), (0.0, 60.0, 60.0), (-1.0, 60.0, 60.0)],
)
def test_a_wait_that_took_far_too_long_was_a_freeze(timeout_s, elapsed_s, frozen_s, caplog):
    with selector(100.0, 100.0 + elapsed_s) as waiting:
        waiting.select(timeout_s)

        assert waiting.frozen_s == frozen_s
    assert ("all was frozen for 1 min" in caplog.text) is (frozen_s > 0)


def test_sleep_is_told_from_a_freeze(caplog):
    caplog.set_level("INFO")
    with selector(100.0, 100.0, asleep=7200.0) as waiting:
        waiting.select(0.0)

        assert waiting.frozen_s == 0.0
    assert "this machine slept for 2 h" in caplog.text


def test_a_timeout_does_not_count_the_time_of_a_freeze(mocker):
    now = mocker.patch("asyncio.base_events.time.monotonic", return_value=1_000.0)
    loop = FreezeAwareLoop()
    began = loop.time()
    now.return_value += 600.0
    loop._freeze_aware.frozen_s += 599.0

    assert loop.time() == began + 1.0
    loop.close()


def test_the_loop_runs_what_others_run():
    async def answer():
        async with asyncio.timeout(30):
            await asyncio.sleep(0)
            return 42

    with asyncio.Runner(loop_factory=FreezeAwareLoop) as runner:
        assert runner.run(answer()) == 42
