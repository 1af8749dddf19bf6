"""A worker's link to one hub: what it sends, and what it accepts."""

import logging
import time
from collections.abc import Sequence

from butler.fleet.broker import Broker, Pushed
from butler.fleet.frames import ToHub, ToWorker, Turn
from butler.fleet.membership import Membership
from butler.fleet.outbox import Outbox
from butler.fleet.pump import Pump
from butler.fleet.streams import Received, of_hub
from butler.fleet.wire import Address, StaleError, WireError, open_to_worker, seal

logger = logging.getLogger(__name__)


class HubLink:
    """The link to a hub.

    Args:
        broker: Redis.
        worker: The name of this worker.
        hub: The name of the hub.
        key: Shared with the hub, and not in Redis.
        life: Of this process.
        membership: Has the epoch.

    Attributes:
        known_life: The life of the hub; 0 before it was heard of.
        outbox: What the hub has not confirmed.
        pump: What is on its way to the hub.
    """

    def __init__(
        self, broker: Broker, worker: str, hub: str, key: bytes, life: int, membership: Membership
    ) -> None:
        self._broker = broker
        self._worker = worker
        self._hub = hub
        self._key = key
        self._life = life
        self._membership = membership
        self._serial = 0
        self._last: dict[str, tuple[int, int]] = {}
        self.known_life = 0
        self.pump: Pump[ToHub] = Pump(self._push, hub)
        self.outbox = Outbox(self.pump.send, time.monotonic)

    def open(self, received: Received) -> list[ToWorker]:
        """Return the frames of an envelope.

        Raises:
            WireError: It is not from the hub, not for this process, or was there before.
        """
        address, frames = open_to_worker(self._key, received.envelope)
        if (address.sender, address.receiver) != (self._hub, received.stream):
            raise WireError("it is for somebody else")
        if address.to_life != self._life:
            raise StaleError("it is for another life of this worker")
        place = address.life, address.serial
        if place <= self._last.get(received.stream, (0, 0)) or address.life < self.known_life:
            raise WireError("it was there before")
        self._last[received.stream] = place
        self.known_life = address.life
        if address.epoch == self._membership.epoch and self._membership.is_current:
            return frames
        # Its hub has given up on what this worker did not begin before it was taken for dead.
        return [frame for frame in frames if not isinstance(frame, Turn)]

    async def _push(self, urgent: Sequence[ToHub], other: Sequence[ToHub]) -> Pushed:
        if not self.known_life:
            return Pushed.FULL  # until the hub says that it is there
        frames = [*urgent, *other]
        while True:
            epoch = self._membership.epoch
            self._serial += 1
            address = Address(
                *(self._worker, of_hub(self._hub), self._life, epoch),
                *(self.known_life, self._serial),
            )
            envelope = seal(self._key, address, frames)
            pushed = await self._broker.push_to_hub(self._hub, self._worker, epoch, envelope)
            if pushed is not Pushed.FENCED:
                return pushed
            logger.warning("this worker was taken for dead; it takes its name again")
            await self._membership.rejoin(epoch)
