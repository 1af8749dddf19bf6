"""Whether the clock of this machine agrees with WhatsApp's."""

import logging

from butler.chat.text import duration

logger = logging.getLogger(__name__)

TOLERANCE_S = 300.0


def is_wrong(ahead_s: float | None) -> bool:
    """Return whether a clock that is so far ahead, as far as known, needs somebody."""
    return ahead_s is not None and abs(ahead_s) > TOLERANCE_S


class ClockComplaint:
    """Says once that the clock is wrong, and once that it is right again."""

    def __init__(self) -> None:
        self._was_wrong = False

    def look(self, ahead_s: float | None) -> None:
        """Take notice of how far the clock is ahead; None if that is unknown."""
        if ahead_s is not None and is_wrong(ahead_s) and not self._was_wrong:
            logger.error("the clock of this machine is %s; set it right", clock_offset(ahead_s))
        elif self._was_wrong and not is_wrong(ahead_s):
            logger.info("the clock of this machine is right again")
        self._was_wrong = is_wrong(ahead_s)


def clock_offset(ahead_s: float) -> str:
    """Return how far the clock is from WhatsApp's, in words."""
    return f"{duration(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} WhatsApp's"
