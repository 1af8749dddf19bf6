"""A standing thread for the library's calls that come one after the other."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class CallThread:
    """Runs calls in order, and gives their results to the loop that asked.

    Cheaper than a pool, which makes a context and two futures for each call.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        Thread(target=self._run, name=name, daemon=True).start()

    def call(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        """Let the thread call ``function``; a call that has begun is not cancelled."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                value = function()
            except BaseException as error:  # noqa: BLE001 - passed on to whoever waits
                _tell(loop, _fail, result, error)
            else:
                _tell(loop, _succeed, result, value)

        self._calls.put(run)
        return result

    def _run(self) -> None:
        while True:
            self._calls.get()()


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: object) -> None:
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(callback, *args)


def _succeed(result: "asyncio.Future[T]", value: T) -> None:
    if not result.done():
        result.set_result(value)


def _fail(result: "asyncio.Future[T]", error: BaseException) -> None:
    if not result.done():
        result.set_exception(error)
