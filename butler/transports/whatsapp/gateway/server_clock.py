"""WhatsApp's clock, as far as the times of its messages tell."""

import logging
import time
from collections import deque
from collections.abc import Callable

from butler.chat.text import duration
from butler.storage.pruning import boot_time

logger = logging.getLogger(__name__)

LEAST_SAMPLES = 3
"""One message alone may have been delayed."""

APART_S = 300.0
_SAMPLES = 20
_NEWS_S = 5.0


class ServerClock:
    """How far this machine's clock is ahead of WhatsApp's.

    WhatsApp dates each message when it gets it. The least delayed of the last ones tells its time,
    and a clock that never jumps carries that on.

    Args:
        report: Called with the seconds when they have changed.
        wall: This machine's clock.
        steady: Seconds that never jump.
    """

    def __init__(
        self,
        report: Callable[[float], None],
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = boot_time,
    ) -> None:
        self._report = report
        self._wall = wall
        self._steady = steady
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self._reported_s: float | None = None
        self._is_apart = False

    def note(self, sent_at: float) -> None:
        """Note that a message has just arrived that WhatsApp dates at this time (Unix seconds)."""
        self._samples.append(sent_at - self._steady())
        if len(self._samples) >= LEAST_SAMPLES:
            ahead_s = self._wall() - self._steady() - max(self._samples)
            if self._reported_s is None or abs(ahead_s - self._reported_s) > _NEWS_S:
                self._reported_s = ahead_s
                self._report(round(ahead_s, 1))
                self._say(ahead_s)

    def _say(self, ahead_s: float) -> None:
        is_apart = abs(ahead_s) > APART_S
        if is_apart:
            which = "ahead of" if ahead_s > 0 else "behind"
            logger.warning(
                "this machine's clock is %s %s WhatsApp's; set it", duration(abs(ahead_s)), which
            )
        elif self._is_apart:
            logger.warning("this machine's clock agrees with WhatsApp's again")
        self._is_apart = is_apart
