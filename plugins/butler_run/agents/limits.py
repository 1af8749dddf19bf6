"""How long a run may take, and how long it may be silent."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from butler import duration
from butler_run.agents.agent import Event, PermissionAsked, Run
from butler_run.agents.errors import LimitReachedError


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The limits of one run; how much it may write is in ``ProcessLimits``."""

    time_s: float = 30 * 60.0
    silence_s: float = 10 * 60.0


class LimitedRun:
    """A run that is cancelled when it takes too long or says nothing for too long.

    While a question waits for a person neither clock runs.
    """

    def __init__(self, run: Run, limits: RunLimits) -> None:
        self._run = run
        self._limits = limits
        self._clock = asyncio.get_running_loop().time
        self._deadline = self._clock() + limits.time_s
        self._paused_at: float | None = None
        self._open: set[str] = set()
        self._timeout: asyncio.Timeout | None = None

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the events of the run, see ``Run``.

        Raises:
            LimitReachedError: A limit was reached; the run is dead.
        """
        events = aiter(self._run)
        while True:
            try:
                event = await self._next(events)
            except StopAsyncIteration:
                return
            if isinstance(event, PermissionAsked):
                self._pause(event.id)
            yield event

    async def answer(self, permission_id: str, option_id: str | None) -> None:
        """Answer a question, see ``Run``."""
        await self._run.answer(permission_id, option_id)
        self._go_on(permission_id)

    async def cancel(self) -> None:
        """Cancel the run, see ``Run``."""
        await self._run.cancel()

    async def _next(self, events: AsyncIterator[Event]) -> Event:
        try:
            async with asyncio.timeout_at(self._end_of_patience()) as self._timeout:
                return await anext(events)
        except TimeoutError:
            reached = self._reached()
            await self._run.cancel()
            raise reached from None
        finally:
            self._timeout = None

    def _pause(self, question_id: str) -> None:
        self._open.add(question_id)
        if self._paused_at is None:
            self._paused_at = self._clock()

    def _go_on(self, question_id: str) -> None:
        self._open.discard(question_id)
        if self._paused_at is None or self._open:
            return
        self._deadline += self._clock() - self._paused_at
        self._paused_at = None
        if self._timeout is not None:
            self._timeout.reschedule(self._end_of_patience())

    def _end_of_patience(self) -> float | None:
        if self._paused_at is not None:
            return None
        return min(self._deadline, self._clock() + self._limits.silence_s)

    def _reached(self) -> LimitReachedError:
        if self._clock() >= self._deadline:
            return LimitReachedError(
                f"The run took longer than {duration(self._limits.time_s)} and was stopped."
            )
        return LimitReachedError(
            f"The agent said nothing for {duration(self._limits.silence_s)} and was stopped."
        )
