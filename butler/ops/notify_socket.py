"""What systemd is told of a daemon: that it is ready, how its link is, that it is alive.

Each message is a datagram of lines to the socket that ``$NOTIFY_SOCKET`` names, see sd_notify(3).
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from time import monotonic_ns

from butler.ops.link_words import link_sentence
from butler.transports.whatsapp import LinkState

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
UNWATCHED = float("inf")


class NotifySocket:
    """The socket of the service manager.

    Args:
        address: Its path, or its abstract name after an ``@``; empty if nobody listens.
        watchdog_s: How long the service manager waits for a sign of life.
    """

    def __init__(self, address: str = "", watchdog_s: float = UNWATCHED) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = watchdog_s

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> "NotifySocket":
        """Take it out of the environment, so that no process started from here can speak for us."""
        address = environment.pop("NOTIFY_SOCKET", "")
        limit_us = environment.pop("WATCHDOG_USEC", "")
        process = environment.pop("WATCHDOG_PID", "")
        is_watched = limit_us.isdecimal() and process in ("", str(os.getpid()))
        return cls(address, int(limit_us) / 1e6 if is_watched else UNWATCHED)

    def tell(self, *lines: str) -> None:
        """Send lines such as ``READY=1``; a failure is logged and changes nothing else."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(errors="replace"), self._address)
        except OSError as error:
            logger.debug("the service manager was not told: %s", error)

    def tell_reloading(self) -> None:
        """Say that the configuration is being read again; ``READY=1`` ends that."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1000}")


@asynccontextmanager
async def telling(
    manager: NotifySocket, state: Callable[[], LinkState], is_alive: Callable[[], bool]
) -> AsyncIterator[None]:
    """Tell the service manager of the daemon while the block runs.

    It is ready once the state of its link is known. A sign of life is given by the event loop, and
    only while the gateway answers, too: a timer alone would bless a daemon that hears nothing.

    Args:
        manager: The socket of the service manager.
        state: Returns the state of the link.
        is_alive: Returns whether the gateway has answered lately.
    """
    task = asyncio.create_task(_tell_forever(manager, state, is_alive), name="service manager")
    try:
        yield
    finally:
        manager.tell("STOPPING=1")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tell_forever(
    manager: NotifySocket, state: Callable[[], LinkState], is_alive: Callable[[], bool]
) -> None:
    is_ready, said, fed_at = False, "", -UNWATCHED
    loop = asyncio.get_running_loop()
    while True:
        now = state()
        if not is_ready and now.name != "starting":
            is_ready = True
            manager.tell("READY=1")
        if (sentence := link_sentence(now)) != said:
            said = sentence
            manager.tell(f"STATUS={sentence}")
        if loop.time() - fed_at >= manager.watchdog_s / 4 and is_alive():
            fed_at = loop.time()
            manager.tell("WATCHDOG=1")
        await asyncio.sleep(min(LOOK_EVERY_S, manager.watchdog_s / 4))
