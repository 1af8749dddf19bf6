"""The port to Redis: what hub and workers need of it, and nothing else."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from butler.errors import UserError

HEARTBEAT_S = 5.0
TIME_TO_LIVE_S = 15.0

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

    async def next_number(self, after: int) -> int:
        """Return a number that nobody got before and that is higher than ``after``."""
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
    try:
        return await broker.next_number(after)
    except BrokerError as error:
        raise UserError(
            f"Redis cannot be reached, so nothing was started: {error}. Try again."
        ) from error
