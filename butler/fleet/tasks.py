"""Ends tasks that may miss a cancellation."""

import asyncio
from collections.abc import Iterable

AGAIN_S = 0.2


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
