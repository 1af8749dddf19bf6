"""What a process shows beside its protocol: complaints on stderr, and a slow start."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from butler_run.agents.complaints import explained
from butler_run.agents.delays import delay_in, downloading
from butler_run.agents.errors import NotReadyError
from butler_run.agents.events import Delayed, Event, Started, Text, Working
from butler_run.agents.process.process import AgentProcess

DOWNLOAD_S = 3.0
"""How long a start may take before it counts as a download, where there may be one."""

COMPLAINT_S = 5.0
"""How long an agent may go on trying to start after it said that it is not ready."""

_MOST_AHEAD = 8


class Signs:
    """Puts the signs of a process among its events.

    Args:
        process: The process.
        is_plain: It is any program, of which a start and complaints mean nothing.
    """

    def __init__(self, process: AgentProcess, *, is_plain: bool) -> None:
        self._process = process
        self._is_plain = is_plain
        self._has_started = is_plain
        self._clock = asyncio.get_running_loop().time
        self._download_at = self._clock() + DOWNLOAD_S if process.runner else None
        self._complaint = ""
        self._give_up_at: float | None = None
        self._sign: Delayed | None = None
        self._is_woken = asyncio.Event()
        self._read_ahead: deque[Event] = deque()
        self._has_room = asyncio.Event()

    async def among(self, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        """Yield ``events`` and the signs between them.

        Raises:
            NotReadyError: The agent said that it cannot start, and did not.
        """
        self._process.on_stderr(self._heard)
        reading = asyncio.create_task(self._read(events))
        reading.add_done_callback(self._wake)
        try:
            while True:
                if self._read_ahead:
                    yield self._taken()
                elif self._sign is not None:
                    sign, self._sign = self._sign, None
                    yield sign
                elif reading.done():
                    reading.result()
                    return
                else:
                    await self._something()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, events: AsyncIterator[Event]) -> None:
        """Read a few pieces of text ahead: a task for each would halve the speed of reading.

        All other events wait for the consumer, as adapters go on from what it made of them.
        """
        async for event in events:
            self._read_ahead.append(event)
            self._wake()
            if len(self._read_ahead) >= _MOST_AHEAD or not isinstance(event, Text | Working):
                self._has_room.clear()
                await self._has_room.wait()

    def _taken(self) -> Event:
        event = self._read_ahead.popleft()
        if not self._read_ahead:
            self._has_room.set()
        self._has_started = self._has_started or isinstance(event, Started)
        return event

    async def _something(self) -> None:
        """Wait for an event, a line on stderr, or the time of a sign."""
        try:
            async with asyncio.timeout_at(self._due()):
                await self._is_woken.wait()
        except TimeoutError:
            self._note_time()
        self._is_woken.clear()

    def _due(self) -> float | None:
        if self._has_started:
            return None
        return min(filter(None, (self._download_at, self._give_up_at)), default=None)

    def _note_time(self) -> None:
        if self._give_up_at is not None and self._clock() >= self._give_up_at:
            raise NotReadyError(self._complaint)
        self._download_at = None
        self._sign = downloading(self._process.runner)

    def _heard(self, lines: Iterable[str]) -> None:
        for line in lines:
            if (delay := delay_in(line)) is not None:
                self._sign = delay
            elif not self._is_plain and "mcp" not in line.lower():
                self._note_complaint(line)
        self._wake()

    def _note_complaint(self, line: str) -> None:
        said = explained(self._process.name, line, self._process.variables)
        if said is not None and said != self._complaint:
            self._complaint, self._sign = said, Delayed(said.rstrip("."))
            self._give_up_at = self._clock() + COMPLAINT_S

    def _wake(self, *_: object) -> None:
        self._is_woken.set()
