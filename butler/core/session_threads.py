"""SessionThreads: threads that wait for sessions across a network, apart from all others."""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

THREADS: Final = 16

_Call = tuple[Callable[..., Any], tuple[Any, ...], "asyncio.Future[Any]"]


class SessionThreads:
    """Calls functions in threads, and returns their results on the event loop.

    An executor of the standard library takes twice the time for the way there and back, which is
    half of what a session across a network costs. The threads start when they are needed, and do
    not hold up the end of the process.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._waiting = self._started = 0

    async def run(self, operation: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call ``operation`` in a thread and return its result, or raise its error."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        if self._waiting > self._started < THREADS:
            self._started += 1
            Thread(target=self._work, name="sessions", daemon=True).start()
        self._calls.put((operation, args, future))
        try:
            return await future
        finally:
            self._waiting -= 1

    def _work(self) -> None:
        while True:
            _carry_out(*self._calls.get())


def _carry_out(
    operation: Callable[..., Any], args: tuple[Any, ...], future: "asyncio.Future[Any]"
) -> None:
    try:
        result = operation(*args)
    except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
        _tell(future, future.set_exception, error)
    else:
        _tell(future, future.set_result, result)


def _tell(future: "asyncio.Future[Any]", tell: Callable[[Any], None], outcome: object) -> None:
    """Set the outcome of a call on its event loop, unless the caller stopped waiting."""

    def told() -> None:
        if not future.done():
            tell(outcome)

    try:
        future.get_loop().call_soon_threadsafe(told)
    except RuntimeError:  # the loop has ended meanwhile
        return
