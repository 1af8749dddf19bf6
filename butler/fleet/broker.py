"""The port to Redis: what hub and workers need of it, and nothing else."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from butler.errors import UserError

HEARTBEAT_S = 5.0
TIME_TO_LIVE_S = 15.0

NUMBER_LIMIT_S = 10.0
"""For the hub to see that Redis was emptied."""

MOST_WAITING = 1_000
"""Maximum number of envelopes in a stream; beyond it nothing more is added."""

Entry = tuple[str, bytes]
"""The id of an entry in a stream, and the envelope in it."""


class BrokerError(Exception):
    """Redis does not answer, or refused; the text says why, as a fragment."""


class Pushed(Enum):
    """What became of an envelope."""

    DONE = "it is in the stream"
    FULL = "the stream is full"
    FENCED = "another epoch of this worker has begun"


class Seen(NamedTuple):
    """What Redis says of a worker: whether it is alive, and its card, if it has one."""

    is_alive: bool
    card: bytes | None


class Broker(Protocol):
    """Streams, heartbeats, a counter and short-lived values; every method raises BrokerError."""

    async def join(self, worker: str, owner: str, floor: int) -> int | None:
        """Take the name of a worker; return the new epoch, None if another owner has it.

        Args:
            worker: The name.
            owner: Tells one data folder from all others; the same one takes over at once.
            floor: The epoch is higher than this, and than all before that Redis knows of.
        """
        ...

    async def beat(self, worker: str, epoch: int, cards: Mapping[str, bytes]) -> bool:
        """Stay alive, and show a card to each hub; return whether the epoch still holds."""
        ...

    async def leave(self, worker: str, epoch: int) -> None:
        """Give up the name, unless another epoch has begun."""
        ...

    async def look(self, hub: str, workers: Sequence[str]) -> list[Seen]:
        """Return what is known of workers, with the cards for this hub."""
        ...

    async def push_to_worker(
        self, worker: str, urgent: bytes | None, other: bytes | None
    ) -> Pushed:
        """Add an envelope to the stream that overtakes, and one to the other stream."""
        ...

    async def push_to_hub(self, hub: str, worker: str, epoch: int, envelope: bytes) -> Pushed:
        """Add an envelope to the hub's stream, if the epoch still holds."""
        ...

    async def read(self, streams: Sequence[str], after: Sequence[str]) -> list[list[Entry]]:
        """Wait for entries of streams, and return those of each, in the same order; [] if none.

        Args:
            streams: Their names, see ``streams``.
            after: The last id that was read, of each.
        """
        ...

    async def trim(self, streams: Sequence[str], until: Sequence[str]) -> None:
        """Delete what was read from streams."""
        ...

    async def next_number(self, after: int) -> int | None:
        """Return a number that nobody got before and that is higher than ``after``.

        None if Redis was emptied, and no hub has said since which numbers are taken.
        """
        ...

    async def raise_number(self, known: int, perhaps: int) -> None:
        """Let the next number be higher than those that were given.

        Args:
            known: The highest that is known to be given.
            perhaps: The highest that may be given. It counts where Redis was emptied.
        """
        ...

    async def put(self, key: str, value: bytes, life_s: float) -> None:
        """Keep a value for a while."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return a value, if it is still there."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


async def next_run_number(broker: Broker, after: int) -> int:
    """Return the number of the next run on any machine.

    Raises:
        UserError: Redis does not give one.
    """
    until = time.monotonic() + NUMBER_LIMIT_S
    try:
        while (number := await broker.next_number(after)) is None:
            if time.monotonic() > until:
                raise UserError(
                    "Redis was emptied, and my hub has not said yet which run numbers are taken, "
                    "so nothing was started. Try again."
                )
            await asyncio.sleep(NUMBER_LIMIT_S / 20)
        return number
    except BrokerError as error:
        raise UserError(
            f"Redis cannot be reached, so nothing was started: {error}. Try again."
        ) from error
