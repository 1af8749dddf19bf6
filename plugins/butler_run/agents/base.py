"""The common base of the adapters' runs."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from butler_run.agents.events import (
    Asked,
    Decision,
    Event,
    Finished,
    InputAsked,
    PermissionAsked,
    PlanProposed,
    Reason,
    Value,
)
from butler_run.agents.process.process import AgentProcess
from butler_run.agents.signs import Signs


@dataclass(frozen=True, slots=True)
class Patience:
    """Timeouts of an agent.

    Attributes:
        start_s: From the start of the process to its acceptance of the prompt.
        stop_s: From the request to stop to the first signal.
    """

    start_s: float = 60.0
    stop_s: float = 3.0


class ProcessRun(ABC):
    """A run that is one process: keeps open questions, and ends the process when cancelled.

    Adapters implement ``_events``, ``_reply``, ``_fill``, ``_decide`` and ``_ask_to_stop``.
    """

    def __init__(
        self, process: AgentProcess, patience: Patience, *, is_plain: bool = False
    ) -> None:
        self._process = process
        self._signs = Signs(process, is_plain=is_plain)
        self._patience = patience
        self._questions: dict[str, Asked] = {}
        self._is_cancelled = False
        self._is_turn_over = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the events, see ``Run``."""
        try:
            async for event in self._signs.among(self._events()):
                yield self._noted(event)
        finally:
            self._reject_all()
            self._is_turn_over.set()

    async def answer(self, permission_id: str, option_id: str | None) -> None:
        """Answer a question, see ``Run``."""
        question = self._questions.get(permission_id)
        if not isinstance(question, PermissionAsked):
            return
        if option_id in {None, *(option.id for option in question.options)}:
            del self._questions[permission_id]
            self._reply(permission_id, option_id)

    async def fill(self, input_id: str, values: Mapping[str, Value] | None, note: str = "") -> None:
        """Answer the agent's own questions, see ``Run``."""
        asked = self._questions.get(input_id)
        if isinstance(asked, InputAsked):
            del self._questions[input_id]
            self._fill(input_id, values, note)

    async def decide(self, plan_id: str, decision: Decision, reason: str = "") -> None:
        """Answer a plan, see ``Run``."""
        if isinstance(self._questions.get(plan_id), PlanProposed):
            del self._questions[plan_id]
            self._decide(plan_id, decision, reason)

    async def cancel(self) -> None:
        """End the run, see ``Run``."""
        self._is_cancelled = True
        self._reject_all()
        if self._ask_to_stop():
            await self._wait_for_the_end_of_the_turn()
        await self._process.end()

    async def _wait_for_the_end_of_the_turn(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience.stop_s):
                await self._is_turn_over.wait()
                await self._process.quit()

    def _noted(self, event: Event) -> Event:
        if isinstance(event, PermissionAsked | InputAsked | PlanProposed):
            self._questions[event.id] = event
            if self._is_cancelled:
                self._reject_all()
        if isinstance(event, Finished):
            self._is_turn_over.set()
            return Finished(Reason.CANCELLED) if self._is_cancelled else event
        return event

    def _reject_all(self) -> None:
        while self._questions:
            self._reply(self._questions.popitem()[0], None)

    @abstractmethod
    def _events(self) -> AsyncIterator[Event]: ...

    @abstractmethod
    def _reply(self, permission_id: str, option_id: str | None) -> None:
        """Send the answer to the agent; None rejects without an option, as in a cancelled run.

        In a cancelled run, also input and plans are rejected so.
        """
        ...

    @abstractmethod
    def _fill(self, input_id: str, values: Mapping[str, Value] | None, note: str) -> None:
        """Send the answers to the agent."""
        ...

    @abstractmethod
    def _decide(self, plan_id: str, decision: Decision, reason: str) -> None:
        """Send the decision on a plan to the agent."""
        ...

    def _ask_to_stop(self) -> bool:
        """Ask the agent to end its turn; return whether it supports that."""
        return False
