"""The name of a worker: taken with an epoch, kept by heartbeats, and never held twice."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from butler.errors import TransportError
from butler.fleet.broker import HEARTBEAT_S, TIME_TO_LIVE_S, Broker, BrokerError
from butler.logs import Complaint

logger = logging.getLogger(__name__)

RETRY_S = 1.0


class Membership:
    """Holds a worker's name.

    Args:
        broker: Redis.
        name: The name.
        owner: Tells this data folder from all others.
        cards: Returns the card for each hub, for an epoch.

    Attributes:
        epoch: Fences what an earlier process, or this one before it slept, wants to write.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        owner: str,
        cards: Callable[[int], Mapping[str, bytes]],
    ) -> None:
        self._broker = broker
        self._name = name
        self._owner = owner
        self._cards = cards
        self._is_due = asyncio.Event()
        self._joining = asyncio.Lock()
        self._complaint = Complaint(logger)
        self._beaten_at = -TIME_TO_LIVE_S
        self.epoch = 0

    async def join(self) -> None:
        """Take the name, and wait for Redis if need be.

        Raises:
            TransportError: Another worker has it.
        """
        await self.rejoin(self.epoch)

    async def rejoin(self, lost: int) -> None:
        """Take the name again, unless that was done since the epoch that was lost.

        Raises:
            TransportError: Another worker has it.
        """
        async with self._joining:
            if self.epoch != lost:
                return
            started = _clock()
            epoch = await self._next_epoch()
            if epoch is None:
                raise TransportError(
                    f"Another worker is called {self._name}. End it, or choose another name: "
                    "butler worker --name NAME"
                )
            self.epoch, self._beaten_at = epoch, started
        self.beat_soon()

    @property
    def is_current(self) -> bool:
        """Whether nobody can have taken this process for dead, as by a long sleep."""
        return _clock() - self._beaten_at < TIME_TO_LIVE_S

    def beat_soon(self) -> None:
        """Show new cards without waiting for the next heartbeat."""
        self._is_due.set()

    async def keep(self) -> None:
        """Keep the name for ever; take it again if it was lost while this process slept.

        Raises:
            TransportError: Another worker has it now.
        """
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._is_due.wait()
            except TimeoutError:
                pass
            self._is_due.clear()
            await self._beat()

    async def leave(self) -> None:
        """Give up the name."""
        try:
            await self._broker.leave(self._name, self.epoch)
        except BrokerError as error:
            logger.info("the name %s was not given up: %s", self._name, error)

    async def _next_epoch(self) -> int | None:
        floor = max(self.epoch, int(time.time() * 1000))
        while True:
            try:
                epoch = await self._broker.join(self._name, self._owner, floor)
            except BrokerError as error:
                self._complaint.begin("waiting for Redis: %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                self._complaint.end("Redis is there again")
                return epoch

    async def _beat(self) -> None:
        started = _clock()
        try:
            is_held = await self._broker.beat(self._name, self.epoch, self._cards(self.epoch))
        except BrokerError as error:
            self._complaint.begin("Redis cannot be reached: %s", error)
            await asyncio.sleep(RETRY_S)
            self._is_due.set()
            return
        self._complaint.end("Redis can be reached again")
        if is_held:
            self._beaten_at = started
        else:
            logger.warning("the name %s was lost, taking it again", self._name)
            await self.join()


def _clock() -> float:
    """Return a time in seconds that goes on while the machine sleeps."""
    number: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(number)
