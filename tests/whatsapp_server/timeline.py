"""What happened at the server, in order, and how to wait for it."""

import asyncio
import collections
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from whatsapp_server.elements import Element

_STANZAS_KEPT = 20_000

PATIENCE_S = 45.0
"""For what must happen; a busy machine needs seconds for what else takes milliseconds."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened, such as ``paired``, ``login``, ``online`` or ``disconnected``."""

    name: str
    detail: Mapping[str, object] = field(default_factory=dict)
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Stanza:
    """One element that crossed the wire."""

    direction: Literal["in", "out"]
    element: Element
    at: float = field(default_factory=time.time)

    def __str__(self) -> str:
        arrow = "<-" if self.direction == "in" else "->"
        return f"{self.at:.3f} {arrow} {self.element}"


class Timeline:
    """The moments since the start and the last stanzas."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.stanzas: collections.deque[Stanza] = collections.deque(maxlen=_STANZAS_KEPT)
        self._changed = asyncio.Event()

    def note(self, name: str, /, **detail: object) -> None:
        """Add a moment."""
        self.moments.append(Moment(name, detail))
        self.wake()

    def wake(self) -> None:
        """Make those who wait look again."""
        self._changed.set()

    def mark(self) -> int:
        """Return the present position, for waiting only for what comes after it."""
        return len(self.moments)

    def names(self, since: int = 0) -> list[str]:
        """Return the names of the moments since a mark."""
        return [moment.name for moment in self.moments[since:]]

    async def wait(self, name: str, timeout_s: float = PATIENCE_S, since: int = 0) -> Moment:
        """Return the first moment of this name after a mark, waiting for it if needed.

        Raises:
            TimeoutError: It did not happen; the message lists what did.
        """

        def found() -> Moment | None:
            return next((one for one in self.moments[since:] if one.name == name), None)

        await self.until(lambda: found() is not None, timeout_s, f"“{name}”")
        moment = found()
        assert moment is not None
        return moment

    async def until(
        self, holds: Callable[[], bool], timeout_s: float = PATIENCE_S, what: str = "the condition"
    ) -> None:
        """Wait until something about the server holds.

        Raises:
            TimeoutError: It still does not hold; the message lists what happened.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            seen = ", ".join(self.names()[-20:]) or "nothing"
            raise TimeoutError(f"no {what} within {timeout_s:g} s; seen: {seen}") from None
