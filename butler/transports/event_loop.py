"""The event loop of daemon and gateway, whose timers do not count the time while nothing runs.

A snapshot of a virtual machine, a paused container or a debugger freezes all processes. Without
this, every timeout would be over at once when they go on, however healthy what it waits for is.
"""

import asyncio
import logging
import selectors
import time
from collections.abc import Callable

from butler.chat.text import duration
from butler.storage.pruning import boot_time

logger = logging.getLogger(__name__)

FREEZE_S = 2.0
"""A delay as short as this is one of a busy machine."""

_Events = list[tuple[selectors.SelectorKey, int]]


class FreezeAwareSelector(selectors.DefaultSelector):
    """Waits for files as usual, and notices when the wait took far too long.

    Attributes:
        frozen_s: How long the process was frozen in all.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        clock_with_sleep: Callable[[], float] = boot_time,
    ) -> None:
        super().__init__()
        self.frozen_s = 0.0
        self._clock = clock
        self._clock_with_sleep = clock_with_sleep

    def select(self, timeout: float | None = None) -> _Events:
        """Wait for files until the timeout."""
        began, began_with_sleep = self._clock(), self._clock_with_sleep()
        events = super().select(timeout)
        elapsed_s = self._clock() - began
        asleep_s = self._clock_with_sleep() - began_with_sleep - elapsed_s
        if asleep_s > FREEZE_S:
            logger.info("this machine slept for %s", duration(asleep_s))
        if timeout is not None and elapsed_s > max(0.0, timeout) + FREEZE_S:
            frozen_s = elapsed_s - max(0.0, timeout)
            self.frozen_s += frozen_s
            logger.warning("all was frozen for %s; what waits goes on waiting", duration(frozen_s))
        return events


class FreezeAwareLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while the process is frozen."""

    def __init__(self, selector: FreezeAwareSelector | None = None) -> None:
        self._freeze_aware = selector or FreezeAwareSelector()
        super().__init__(self._freeze_aware)

    def time(self) -> float:
        """Return the seconds since some moment, without those of a freeze."""
        return super().time() - self._freeze_aware.frozen_s
