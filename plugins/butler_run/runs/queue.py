"""Whose turn it is: one run at a time in a folder, so many at a time in all."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The place of one run in the queue."""

    number: int
    folder: Path
    chat_id: str
    has_come: asyncio.Event = field(default_factory=asyncio.Event)


class Queue:
    """The runs that wait and those under way, in the order in which they came."""

    def __init__(self, max_runs: int) -> None:
        self._max_runs = max_runs
        self._waiting: list[Place] = []
        self._running: list[Place] = []
        self._closed: set[Path] = set()

    def join(self, number: int, folder: Path, chat_id: str) -> Place:
        """Take a place at the end; ``turn`` gives it back."""
        place = Place(number, folder, chat_id)
        self._waiting.append(place)
        self._admit()
        return place

    def ahead_of(self, place: Place) -> list[Place]:
        """Return what ``place`` waits for: the runs before it in its folder, else all under way."""
        if place.has_come.is_set():
            return []
        before = self._waiting[: self._waiting.index(place)]
        same = [each for each in [*self._running, *before] if each.folder == place.folder]
        return same or [*self._running, *before]

    def waiting_of(self, chat_id: str) -> int:
        """Return how many runs of a chat wait."""
        return sum(place.chat_id == chat_id for place in self._waiting)

    @asynccontextmanager
    async def turn(self, place: Place) -> AsyncIterator[None]:
        """Wait until it is the turn of ``place``; leaving the block gives it to the next."""
        try:
            await place.has_come.wait()
            yield
        finally:
            holder = self._running if place in self._running else self._waiting
            holder.remove(place)
            self._admit()

    def is_free(self, folder: Path) -> bool:
        """Return whether nobody waits or is under way in a folder, and it is not closed."""
        taken = {place.folder for place in [*self._waiting, *self._running]}
        return folder not in taken | self._closed

    @contextmanager
    def closed(self, folder: Path) -> Iterator[None]:
        """Let no run begin in a folder that is free while the block lasts."""
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
