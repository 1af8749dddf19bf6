"""Time for the library to ask for messages that it could not decrypt.

It confirms each of them to WhatsApp, and asks its sender for it once more in a goroutine of its
own. A process that ends in between loses the message. Those that fail while the gateway is about to
end are not even confirmed, see ``storage_guard``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from neonize.exc import NeonizeError

ROUNDS: Final = 4
ROUND_S: Final = 0.025
LIMIT_S: Final = 3.0


async def time_to_ask(poll: Callable[[], Awaitable[object]]) -> None:
    """Wait until the library has had its turn several times, however busy the machine is.

    Args:
        poll: Calls the library, and returns when it was at work.
    """
    with suppress(TimeoutError, NeonizeError):
        async with asyncio.timeout(LIMIT_S):
            for _ in range(ROUNDS):
                await asyncio.sleep(ROUND_S)
                await poll()
