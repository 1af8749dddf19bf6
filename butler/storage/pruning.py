"""How far entries may be pruned by age, as the clock may be wrong."""

import time
from collections.abc import Callable

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
JUMP_S = 300.0


def boot_time() -> float:
    """Return the seconds since the machine started, those of its sleep included."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Pruning:
    """Decides how far entries may be pruned by age.

    A clock that is wrong for a while must not cost what is kept: within an hour no more than a
    day's worth of entries goes, and for a day after the clock has jumped nothing does.

    Args:
        keep_s: How long entries are kept; infinite for ever.
        clock: Returns Unix seconds.
        steady: Returns seconds that never jump.
    """

    def __init__(
        self,
        keep_s: float,
        clock: Callable[[], float] = lambda: time.time(),  # noqa: PLW0108 - looked up at each call
        steady: Callable[[], float] = boot_time,
    ) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._steady = steady
        self._next_at = steady() + HOUR_S
        self._apart_s = clock() - steady()

    @property
    def is_due(self) -> bool:
        """Whether entries may be pruned now; also notices that the clock has jumped."""
        apart_s = self._clock() - self._steady()
        if abs(apart_s - self._apart_s) > JUMP_S:
            self._next_at = self._steady() + DAY_S
        self._apart_s = apart_s
        return self._steady() >= self._next_at

    def until(self, oldest: float | None) -> float | None:
        """Return the time before which entries are to be deleted; None if none may be now.

        The next ones may be an hour later.

        Args:
            oldest: The time of the oldest entry; None if there is none.
        """
        if not self.is_due or oldest is None:
            return None
        self._next_at = self._steady() + HOUR_S
        return min(self._clock() - self._keep_s, oldest + DAY_S)
