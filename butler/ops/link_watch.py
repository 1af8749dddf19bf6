"""Records when the link changes its state, for the panel's timeline."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from butler.records.link_log import LinkLog
from butler.transports.whatsapp import LinkState

LOOK_EVERY_S = 1.0
STOPPED = "stopped"


@asynccontextmanager
async def link_recorded(log: LinkLog, state: Callable[[], LinkState]) -> AsyncIterator[None]:
    """Record each new state of the link while the block runs, and its end.

    Args:
        log: Where to.
        state: Returns the state of the link.
    """

    async def look_forever() -> None:
        last = ""
        while True:
            now = state()
            if now.name != last:
                last = now.name
                await asyncio.to_thread(log.note, now.since, now.name, now.reason)
            await asyncio.sleep(LOOK_EVERY_S)

    looking = asyncio.create_task(look_forever(), name="link log")
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await asyncio.to_thread(log.note, time.time(), STOPPED, state().reason)
