"""A timeout for coroutines that rarely suspend."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(limit_s: float, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of ``work``; start the timer only when it first suspends.

    A timer costs more than a whole command that never suspends.

    Raises:
        TimeoutError: It took longer.
    """
    try:
        awaited = work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # a coroutine's result comes untyped
    async with asyncio.timeout(limit_s):
        return await _rest(work, awaited)


@coroutine
def _rest(work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """Continue a started coroutine that is waiting for ``awaited``."""
    step: Callable[[], Any]
    while True:
        try:
            value = yield awaited
        except BaseException as error:  # noqa: BLE001 - a cancellation is for the work to see
            step = partial(work.throw, error)
        else:
            step = partial(work.send, value)
        try:
            awaited = step()
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # as above
