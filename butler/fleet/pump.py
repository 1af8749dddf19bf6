"""A pump: sends all frames that wait in one envelope, and tries until it is there."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from butler.fleet.broker import BrokerError, Pushed
from butler.fleet.frames import chars_of

logger = logging.getLogger(__name__)

MOST_FRAMES = 200
HEAVY_CHARS = 500_000
"""Of the texts in an envelope."""

RETRY_S = 0.2
"""Between attempts while Redis is away or a stream is full."""

FrameT = TypeVar("FrameT")


class Pump(Generic[FrameT]):
    """Sends frames in order; whoever is slow makes the next envelope larger.

    What was not sent when the pump ends is lost: all frames are repeated by those who need them.

    Args:
        push: Sends some frames; the first ones are urgent.
        name: Of the receiver, for the log.
    """

    def __init__(
        self, push: Callable[[Sequence[FrameT], Sequence[FrameT]], Awaitable[Pushed]], name: str
    ) -> None:
        self._push = push
        self._name = name
        self._urgent: deque[FrameT] = deque()
        self._other: deque[FrameT] = deque()
        self._has_some = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._other)

    def send(self, frame: FrameT, *, is_urgent: bool = False) -> None:
        """Send a frame soon."""
        (self._urgent if is_urgent else self._other).append(frame)
        self._is_idle.clear()
        self._has_some.set()

    def drop_all(self) -> None:
        """Forget what waits."""
        self._urgent.clear()
        self._other.clear()

    async def sent(self) -> None:
        """Wait until all frames are sent."""
        await self._is_idle.wait()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            # Others that are ready to run may have more to send.
            await asyncio.sleep(0)
            while self._urgent or self._other:
                await self._send_some()
            self._is_idle.set()

    async def _send_some(self) -> None:
        urgent = _taken(self._urgent)
        other = _taken(self._other)
        while True:
            try:
                if await self._push(urgent, other) is not Pushed.FULL:
                    return
            except BrokerError as error:
                logger.debug("cannot send to %s: %s", self._name, error)
            await asyncio.sleep(RETRY_S)


def _taken(frames: deque[FrameT]) -> list[FrameT]:
    """Take the frames that fit into an envelope, at least one if there is one."""
    taken: list[FrameT] = []
    weight = 0
    while frames and len(taken) < MOST_FRAMES and weight < HEAVY_CHARS:
        taken.append(frames.popleft())
        weight += chars_of(taken[-1])
    return taken
