"""The streams: their names, and a reader that trims behind itself."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from butler.fleet.broker import Broker, BrokerError
from butler.logs import Complaint

logger = logging.getLogger(__name__)

TRIM_EVERY_S = 0.5
RETRY_S = 0.2
_START = "0-0"


def overtaking(worker: str) -> str:
    """Return the name of the stream to a worker that is read first."""
    return f"ctl:{worker}"


def in_order(worker: str) -> str:
    """Return the name of the other stream to a worker."""
    return f"to:{worker}"


def of_hub(hub: str) -> str:
    """Return the name of the stream to a hub."""
    return f"from:{hub}"


class Received(NamedTuple):
    """An envelope, not opened yet, and the stream that it was in."""

    stream: str
    envelope: bytes


class Reader:
    """Reads streams from their beginning; what comes in the first ones is read first."""

    def __init__(self, broker: Broker, streams: Sequence[str]) -> None:
        self._broker = broker
        self._streams = streams
        self._last = [_START] * len(streams)
        self._trimmed_at = time.monotonic()
        self._complaint = Complaint(logger)

    async def envelopes(self) -> AsyncIterator[Received]:
        """Yield envelopes for ever, whatever Redis does."""
        while True:
            try:
                found = await self._broker.read(self._streams, self._last)
                for place, entries in enumerate(found):
                    for entry_id, envelope in entries:
                        self._last[place] = entry_id
                        yield Received(self._streams[place], envelope)
                await self._trim()
                self._complaint.end("reading from Redis again")
            except BrokerError as error:
                self._complaint.begin("cannot read from Redis: %s", error)
                await asyncio.sleep(RETRY_S)

    async def _trim(self) -> None:
        now = time.monotonic()
        if now - self._trimmed_at > TRIM_EVERY_S:
            self._trimmed_at = now
            await self._broker.trim(self._streams, self._last)
