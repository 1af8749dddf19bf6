"""Figures of what happens, for those who watch a bot from outside."""

from collections.abc import Callable, Sequence
from typing import Protocol

QUICK_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
LONG_S = (1, 5, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200)


class Count(Protocol):
    """Counts something that has happened."""

    def __call__(self, *labels: str, amount: float = 1.0) -> None:
        """Add ``amount``, which is not negative."""


class Observe(Protocol):
    """Notes how long something took."""

    def __call__(self, seconds: float, *labels: str) -> None:
        """Note a duration."""


class Meter:
    """Keeps figures; this one keeps none, as nobody has asked for them in ``[metrics]``.

    Names are lower-case words joined by ``_``, and begin with that of the plugin by themselves.
    The values of a label come from a small fixed set, such as the names of agents: never an id, a
    name or a text of a chat.
    """

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Count:
        """Return what counts; ``_total`` is added to its name."""
        return _count_nothing

    def histogram(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str] = (),
        limits_s: Sequence[float] = QUICK_S,
    ) -> Observe:
        """Return what notes durations; its name ends in ``_seconds``.

        Args:
            name: Its name.
            meaning: A sentence on it.
            labels: The names of its labels.
            limits_s: The durations between which it tells apart, rising.
        """
        return _observe_nothing

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Show what ``read`` returns whenever somebody looks, in any thread; must not block."""

    def within(self, name: str) -> "Meter":
        """Return a meter whose names begin with this one."""
        return self


def _count_nothing(*labels: str, amount: float = 1.0) -> None: ...


def _observe_nothing(seconds: float, *labels: str) -> None: ...
