"""The questions of a run that are being asked, each in a task of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

logger = logging.getLogger(__name__)


class Asking:
    """Asks questions until the run is over; a failure is logged and ends no run."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, question: Coroutine[object, object, None]) -> None:
        """Ask a question while others may be open."""
        self._tasks.add(asyncio.create_task(question))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Accept questions while the block runs; cancel those that are open at its end."""
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            for result in await asyncio.gather(*self._tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    logger.error("a question of run %d failed", self._number, exc_info=result)
