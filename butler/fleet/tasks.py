"""Tasks in the background, none of which may end in silence."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

logger = logging.getLogger(__name__)

AGAIN_S = 0.2
RESTART_S = 1.0
"""Before a failed task goes on."""

Work = Coroutine[Any, Any, None]


class Tasks:
    """The tasks of a hub; a failure is logged and ends only that task.

    Args:
        owner: Whose they are, for the log.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Work, name: str) -> asyncio.Task[None]:
        """Run something once."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)
        return task

    def run_forever(self, work: Callable[[], Work], name: str) -> asyncio.Task[None]:
        """Run something, and start it again when it fails."""
        return self.run(self._kept_up(work, name), name)

    async def end(self) -> None:
        """End all of them."""
        await end(self._tasks)

    async def _kept_up(self, work: Callable[[], Work], name: str) -> None:
        while True:
            try:
                await work()
            except Exception:  # the boundary of a task: none may end in silence
                logger.exception("%s: %s failed and is started again", self._owner, name)
            await asyncio.sleep(RESTART_S)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: %s failed", self._owner, task.get_name(), exc_info=error)


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their end.

    A cancellation is lost where it meets the answer of a socket at the wrong moment
    (https://github.com/python/cpython/issues/86296), so it is repeated.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _done, left = await asyncio.wait(left, timeout=AGAIN_S)
