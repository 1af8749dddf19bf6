"""The run queue: one run at a time per folder, and a maximum in total."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The place of one run in the queue.

    Attributes:
        has_come: It is this run's turn in this process.
        has_begun: No other process is at work in its folder either.
    """

    number: int
    folder: Path
    chat_id: str
    has_come: asyncio.Event = field(default_factory=asyncio.Event)
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)


class Queue:
    """The queued and active runs, in order of arrival."""

    def __init__(self, max_runs: int) -> None:
        self._max_runs = max_runs
        self._waiting: list[Place] = []
        self._running: list[Place] = []
        self._aside: list[Place] = []
        self._closed: set[Path] = set()

    def follow(self, max_runs: int) -> None:
        """Use a new maximum from now on; active runs continue."""
        self._max_runs = max_runs
        self._admit()

    def join(self, number: int, folder: Path, chat_id: str) -> Place:
        """Join the queue; ``turn`` leaves it."""
        place = Place(number, folder, chat_id)
        self._waiting.append(place)
        self._admit()
        return place

    def ahead_of(self, place: Place) -> list[Place]:
        """Return the runs ahead of ``place``: earlier ones in its folder, else all active ones."""
        if place.has_come.is_set():
            return []
        before = self._waiting[: self._waiting.index(place)]
        same = [each for each in [*self._begun, *before] if each.folder == place.folder]
        return same or [*self._running, *before]

    def waiting_of(self, chat_id: str) -> int:
        """Return the number of queued runs of a chat."""
        return sum(place.chat_id == chat_id for place in self._waiting)

    @asynccontextmanager
    async def turn(self, place: Place) -> AsyncIterator[None]:
        """Wait for the turn of ``place``; leaving the block passes it on."""
        try:
            await place.has_come.wait()
            yield
        finally:
            holders = (self._running, self._waiting, self._aside)
            next(each for each in holders if place in each).remove(place)
            self._admit()

    @asynccontextmanager
    async def aside(self, place: Place) -> AsyncIterator[None]:
        """Count ``place`` as none of the runs while the block waits; then wait for its turn again.

        It is the first in the queue then, and nothing else starts in its folder meanwhile.
        """
        self._running.remove(place)
        self._aside.append(place)
        self._admit()
        yield
        place.has_come.clear()
        self._aside.remove(place)
        self._waiting.insert(0, place)
        self._admit()
        await place.has_come.wait()

    @property
    def waiting(self) -> int:
        """The number of queued runs."""
        return len(self._waiting)

    @property
    def active(self) -> int:
        """The number of runs at work."""
        return len(self._begun)

    def is_free(self, folder: Path) -> bool:
        """Return whether a folder has no queued or active runs, and is not closed."""
        taken = {place.folder for place in [*self._waiting, *self._begun]}
        return folder not in taken | self._closed

    @contextmanager
    def closed(self, folder: Path) -> Iterator[None]:
        """Prevent runs from starting in a free folder while the block runs."""
        self._closed.add(folder)
        try:
            yield
        finally:
            self._closed.remove(folder)
            self._admit()

    @property
    def _begun(self) -> list[Place]:
        return [*self._aside, *self._running]

    def _admit(self) -> None:
        busy = {place.folder for place in self._begun} | self._closed
        for place in list(self._waiting):
            if len(self._running) >= self._max_runs:
                return
            if place.folder not in busy:
                self._waiting.remove(place)
                self._running.append(place)
                place.has_come.set()
            busy.add(place.folder)
