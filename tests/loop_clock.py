"""A clock for what waits: nobody has to."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


class LoopClock:
    """The time by which the running loop's timers and timeouts go."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._real = loop.time
        self._ahead_s = 0.0

    def time(self) -> float:
        """Return the time, in seconds."""
        return self._real() + self._ahead_s

    def put_forward(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead_s += seconds


@contextmanager
def loop_clock() -> Iterator[LoopClock]:
    """A clock that can be put forward."""
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop)
    with patch.object(loop, "time", clock.time):
        yield clock
