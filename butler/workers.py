"""WorkerPool: many short jobs side by side, without a task for each."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Job = Callable[[], Awaitable[None]]

MAX_IDLE = 50
"""So many tasks are kept for later when there is nothing to do."""

JOBS_AT_A_TIME = 50
"""After so many jobs in a row, also where none of them waited, others on the loop get on."""


class WorkerPool:
    """Begins jobs in the order in which they come, each once those before it are over or wait.

    A task costs as much as a job that waits for nothing (docs/performance.md). So a task that is
    done with its job takes the next, and only where a job waits, another task goes on with those
    behind it. Jobs of one task share its context variables; each is to set those that it reads.

    Args:
        tasks: Where the tasks are made; an error of a job ends them all.
        most: So many jobs are unfinished at a time.
    """

    def __init__(self, tasks: asyncio.TaskGroup, most: int) -> None:
        self._tasks = tasks
        self._most = most
        self._waiting: deque[Job] = deque()
        self._unfinished = 0
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._idle: list[asyncio.Future[None]] = []
        self._is_one_coming = False
        self._is_closed = False

    async def add(self, job: Job) -> None:
        """Have ``job`` done; waits while there are too many."""
        while not self._has_room.is_set():
            await self._has_room.wait()
        self._unfinished += 1
        if self._unfinished == self._most:
            self._has_room.clear()
        self._waiting.append(job)
        self._call_one()

    def close(self) -> None:
        """End the tasks once all jobs are done; none comes any more."""
        self._is_closed = True
        while self._wake_one():
            pass

    def _call_one(self) -> None:
        """See to it that there is a task which is about to look at what waits."""
        if not self._is_one_coming:
            self._is_one_coming = True
            if not self._wake_one():
                self._tasks.create_task(self._work(), name="worker")

    def _wake_one(self) -> bool:
        while self._idle:
            idle = self._idle.pop()
            if not idle.done():  # as it is where its task was cancelled
                idle.set_result(None)
                return True
        return False

    async def _work(self) -> None:
        while True:
            self._is_one_coming = False
            for _ in range(JOBS_AT_A_TIME):
                if not self._waiting:
                    break
                job = self._waiting.popleft()
                if self._waiting:  # This job may wait.
                    self._call_one()
                await self._do(job)
            # Whatever still waits has a task that is coming, after all else on the loop.
            if self._is_closed or len(self._idle) >= MAX_IDLE:
                return
            await self._be_called()

    async def _be_called(self) -> None:
        idle = asyncio.get_running_loop().create_future()
        self._idle.append(idle)
        try:
            await idle
        except asyncio.CancelledError:
            if not idle.cancelled():  # The call had come, and nobody else knows.
                self._is_one_coming = False
                if self._waiting:
                    self._call_one()
            raise

    async def _do(self, job: Job) -> None:
        try:
            await job()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # What was cancelled is not this task but something that the job waited for.
        finally:
            self._unfinished -= 1
            self._has_room.set()
