"""A pump: sends all frames that wait in one envelope, and tries until it is there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from butler.fleet.broker import BrokerError, Pushed
from butler.fleet.frames import chars_of, key_of

logger = logging.getLogger(__name__)

MOST_FRAMES = 200
HEAVY_CHARS = 500_000
"""Of the texts in an envelope."""

MOST_PASSING = 1_000
"""Maximum number of waiting frames, beyond which those that nobody repeats are dropped."""

RETRY_S = 0.2
"""Between attempts while Redis is away or a stream is full."""

FrameT = TypeVar("FrameT")
Queue = dict[object, FrameT]


class Pump(Generic[FrameT]):
    """Sends frames in order; whoever is slow makes the next envelope larger.

    A frame that is sent again takes the place of its earlier form if that still waits. So there is
    at most one of each, however long Redis is away. What was not sent when the pump ends is lost:
    all frames are repeated by those who need them.

    Args:
        push: Sends some frames; the first ones are urgent.
        name: Of the receiver, for the log.
    """

    def __init__(
        self, push: Callable[[Sequence[FrameT], Sequence[FrameT]], Awaitable[Pushed]], name: str
    ) -> None:
        self._push = push
        self._name = name
        self._urgent: Queue[FrameT] = {}
        self._other: Queue[FrameT] = {}
        self._drops = 0
        self._has_some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._other)

    def send(self, frame: FrameT, *, is_urgent: bool = False) -> None:
        """Send a frame soon."""
        queue = self._urgent if is_urgent else self._other
        key = key_of(frame)
        if key is None and len(queue) >= MOST_PASSING:
            return
        queue[object() if key is None else key] = frame
        self._has_some.set()

    def drop(self, frame: FrameT) -> None:
        """Forget a frame, if it waits."""
        for queue in (self._urgent, self._other):
            queue.pop(key_of(frame), None)

    def drop_all(self) -> None:
        """Forget what waits."""
        self._urgent.clear()
        self._other.clear()
        self._drops += 1

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            # Others that are ready to run may have more to send.
            await asyncio.sleep(0)
            while self._urgent or self._other:
                if not await self._send_some():
                    await asyncio.sleep(RETRY_S)

    async def _send_some(self) -> bool:
        """Send what fits into an envelope; return whether that could be done."""
        drops = self._drops
        urgent, other = _taken(self._urgent), _taken(self._other)
        pushed = await self._attempt(urgent, other)
        if pushed is Pushed.FULL and urgent and other:
            # What overtakes does not wait for a full stream of the others.
            self._put_back(drops, self._other, other)
            other = {}
            pushed = await self._attempt(urgent, other)
        if pushed is Pushed.DONE:
            return True
        self._put_back(drops, self._urgent, urgent)
        self._put_back(drops, self._other, other)
        return False

    async def _attempt(self, urgent: Queue[FrameT], other: Queue[FrameT]) -> Pushed | None:
        try:
            return await self._push(list(urgent.values()), list(other.values()))
        except BrokerError as error:
            logger.debug("cannot send to %s: %s", self._name, error)
            return None

    def _put_back(self, drops: int, queue: Queue[FrameT], taken: Queue[FrameT]) -> None:
        """Put frames back in front, unless they were dropped, or sent again meanwhile."""
        if self._drops == drops:
            newer = dict(queue)
            queue.clear()
            queue.update(taken | newer)


def _taken(queue: Queue[FrameT]) -> Queue[FrameT]:
    """Take the frames that fit into an envelope, at least one if there is one."""
    taken: Queue[FrameT] = {}
    weight = 0
    for key, frame in queue.items():
        taken[key] = frame
        weight += chars_of(frame)
        if len(taken) == MOST_FRAMES or weight >= HEAVY_CHARS:
            break
    for key in taken:
        del queue[key]
    return taken
