"""A time limit for work that mostly does not wait."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(limit_s: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns; only once it waits, a timer is set.

    A timer costs more than a whole command that waits for nothing.

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
    """Go on with a coroutine that was begun and now waits for ``awaited``."""
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
