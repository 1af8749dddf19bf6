"""How long WhatsApp may take to acknowledge a message, while all other messages wait for that."""

from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Final

LEAST_S: Final = 5.0
"""Not less: giving up on a message that does arrive leaves its chat in doubt."""

AFTER_A_LOSS_S: Final = 3.0
LAST_SAMPLES: Final = 50
ENOUGH_SAMPLES: Final = 10
TOLERANCE: Final = 20.0
"""How many times as long as the slowest of the last ones a message may take."""


class AcknowledgementLimit:
    """The timeout of an acknowledgement, which usually takes milliseconds.

    Args:
        longest_s: The timeout while nothing is known of the connection.
        has_lost: Whether WhatsApp left a message unanswered a moment ago, maybe to an earlier
            gateway.
    """

    def __init__(self, longest_s: float, has_lost: Callable[[], bool]) -> None:
        self._longest_s = longest_s
        self._has_lost = has_lost
        self._samples: deque[float] = deque(maxlen=LAST_SAMPLES)

    @property
    def seconds(self) -> float:
        """The timeout as of now."""
        if len(self._samples) >= ENOUGH_SAMPLES:
            return min(self._longest_s, max(LEAST_S, TOLERANCE * max(self._samples)))
        return min(self._longest_s, AFTER_A_LOSS_S) if self._has_lost() else self._longest_s

    @property
    def usual_s(self) -> float | None:
        """The median of the last ones; None if there was none."""
        return round(median(self._samples), 2) if self._samples else None

    def note(self, seconds: float) -> None:
        """Note how long an acknowledgement took."""
        self._samples.append(seconds)

    def shorten(self, longest_s: float) -> None:
        """Allow no more than this from now on."""
        self._longest_s = min(self._longest_s, longest_s)
