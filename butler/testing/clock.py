"""A clock that a test puts forward, so that nothing has to wait."""

import time
from collections.abc import Iterator
from unittest.mock import patch

import pytest


class Clock:
    """A time of day that stands still until it is put forward; call it for the time.

    Attributes:
        now: The time of day, in Unix seconds.
        ahead_s: By how much it was put forward, in seconds.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.ahead_s = 0.0

    def __call__(self) -> float:
        """Return the time of day, in Unix seconds."""
        return self.now

    def put_forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.ahead_s += seconds


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The clock of the process.

    ``time.time()`` stands still. ``time.monotonic()`` goes on, and so do the timers and timeouts of
    the loop. To put the clock forward moves both.
    """
    clock, monotonic = Clock(time.time()), time.monotonic
    with (
        patch("time.time", clock),
        patch("time.monotonic", lambda: monotonic() + clock.ahead_s),
    ):
        yield clock
