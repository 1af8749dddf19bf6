"""Timeouts of a run, and the limit of its questions."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from math import inf

from butler import duration
from butler_run.agents.agent import Run
from butler_run.agents.errors import LimitReachedError
from butler_run.agents.events import (
    Asked,
    Decision,
    Event,
    InputAsked,
    PermissionAsked,
    PlanProposed,
    Value,
)


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The limits of one run; ``ProcessLimits`` has those of its output.

    Attributes:
        time_s: Maximum working time, without open questions.
        silence_s: Maximum time without any output.
        wall_s: Maximum total time, including open questions.
        questions: Maximum number of questions.
    """

    time_s: float = 30 * 60.0
    silence_s: float = 10 * 60.0
    wall_s: float = 2 * 3600.0
    questions: int = 50


class LimitedRun:
    """Cancels a run that takes too long, is silent for too long or asks too often.

    While a question is open, only the total time counts.
    """

    def __init__(self, run: Run, limits: RunLimits) -> None:
        self._run = run
        self._limits = limits
        self._clock = asyncio.get_running_loop().time
        self._deadline = self._clock() + limits.time_s
        self._last_deadline = self._clock() + limits.wall_s
        self._asked = 0
        self._paused_at: float | None = None
        self._open: set[str] = set()
        self._timeout: asyncio.Timeout | None = None

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the events of the run, see ``Run``.

        Raises:
            LimitReachedError: The run reached a limit and has ended.
        """
        events = aiter(self._run)
        while True:
            try:
                event = await self._next(events)
            except StopAsyncIteration:
                return
            if isinstance(event, PermissionAsked | InputAsked | PlanProposed):
                await self._count_questions(event)
                self._pause(event.id)
            yield event

    async def answer(self, permission_id: str, option_id: str | None) -> None:
        """Answer a question, see ``Run``."""
        await self._run.answer(permission_id, option_id)
        self._go_on(permission_id)

    async def fill(self, input_id: str, values: Mapping[str, Value] | None, note: str = "") -> None:
        """Answer the agent's own questions, see ``Run``."""
        await self._run.fill(input_id, values, note)
        self._go_on(input_id)

    async def decide(self, plan_id: str, decision: Decision, reason: str = "") -> None:
        """Answer a plan, see ``Run``."""
        await self._run.decide(plan_id, decision, reason)
        self._go_on(plan_id)

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

    async def _count_questions(self, event: Asked) -> None:
        self._asked += max(1, len(event.fields)) if isinstance(event, InputAsked) else 1
        if self._asked > self._limits.questions:
            await self._run.cancel()
            raise LimitReachedError(
                f"The agent asked more than {self._limits.questions} questions and was stopped."
            )

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
        ends = [self._last_deadline]
        if self._paused_at is None:
            ends += [self._deadline, self._clock() + self._limits.silence_s]
        return None if min(ends) == inf else min(ends)

    def _reached(self) -> LimitReachedError:
        if self._clock() >= self._last_deadline:
            return LimitReachedError(
                f"The run took longer than {duration(self._limits.wall_s)}, including "
                "its questions, and was stopped."
            )
        if self._clock() >= self._deadline:
            return LimitReachedError(
                f"The run took longer than {duration(self._limits.time_s)} and was stopped."
            )
        return LimitReachedError(
            f"The agent was silent for {duration(self._limits.silence_s)} and was stopped."
        )
