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
        self._closed: set[Path] = set()

    def follow(self, max_runs: int) -> None:
        """Let so many run at a time from now on; what runs goes on."""
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
        same = [each for each in [*self._running, *before] if each.folder == place.folder]
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
            holder = self._running if place in self._running else self._waiting
            holder.remove(place)
            self._admit()

    def is_free(self, folder: Path) -> bool:
        """Return whether a folder has no queued or active runs, and is not closed."""
        taken = {place.folder for place in [*self._waiting, *self._running]}
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

    def _admit(self) -> None:
        busy = {place.folder for place in self._running} | self._closed
        for place in list(self._waiting):
            if len(self._running) >= self._max_runs:
                return
            if place.folder not in busy:
                self._waiting.remove(place)
                self._running.append(place)
                place.has_come.set()
            busy.add(place.folder)
