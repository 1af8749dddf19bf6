"""Jobs: background work that outlives the turn that started it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Self

logger = logging.getLogger(__name__)


class Jobs:
    """The jobs in progress; leaving the block cancels them.

    An exception in a job is logged and ends only that job.
    """

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_last_call = asyncio.Event()
        """Set once no further messages will arrive, so that jobs stop waiting for one."""

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(*error)  # type: ignore[arg-type]  # passed through as received

    def start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run ``work`` in the background; ``name`` is for the log."""
        task = self._group.create_task(_guarded(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A job that was cancelled before its first step would warn that it was never awaited.
        task.add_done_callback(lambda _task: work.close())
        return task

    async def finished(self) -> None:
        """Wait until no job is in progress."""
        while self._tasks:
            await asyncio.wait(self._tasks)


async def _guarded(work: Coroutine[object, object, None], name: str) -> None:
    try:
        await work
    except Exception:  # the boundary of a job: a bug in one must not end the others
        logger.exception("job %s failed", name)
