"""Agent: the seam to the programs that do the work.

An agent starts runs. A run is a stream of events, can be answered and can be cancelled::

    async with agent.start(prompt, folder=repo.path, environment=environment) as run:
        async for event in run:
            ...

Leaving the block ends every process of the run. Another task may call ``answer`` and ``cancel``.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from butler_run.agents.process.enclosure import UNENCLOSED, Enclosure


class Mode(StrEnum):
    """How much an agent may do without asking, from the least to the most."""

    PLAN = "plan"
    ASK = "ask"
    EDITS = "edits"
    BYPASS = "bypass"

    def within(self, ceiling: "Mode") -> "Mode":
        """Return the mode, or ``ceiling`` where that is less."""
        return min(self, ceiling, key=list(Mode).index)


class OptionKind(StrEnum):
    """What choosing an option means."""

    ALLOW_ONCE = "allow_once"
    ALLOW_ALWAYS = "allow_always"
    REJECT = "reject"


class Reason(StrEnum):
    """Why a run is over."""

    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    CUT_SHORT = "cut_short"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Option:
    """One way to answer a question; ``number`` counts from 1 in the order shown."""

    number: int
    id: str
    label: str
    kind: OptionKind


@dataclass(frozen=True, slots=True)
class Change:
    """What a tool would do to a file; ``old`` is None where the agent does not say or it is new."""

    path: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class Started:
    """The agent took the prompt; None is an agent without conversations."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer; pieces are joined as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool begins, or with ``is_finished`` ends; the same id both times."""

    id: str
    title: str
    is_finished: bool = False
    is_failed: bool = False


@dataclass(frozen=True, slots=True)
class PermissionAsked:
    """The agent waits until ``answer`` is called with ``id`` and the id of an option.

    Attributes:
        tool: What the agent calls it, such as ``Write made.txt``.
        command: The command line it would run, if it would run one.
        changes: What it would do to files.
        detail: Whatever else it says, at most 2,000 characters.
    """

    id: str
    tool: str
    command: str | None
    changes: tuple[Change, ...]
    detail: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What the run has used so far; a later one replaces an earlier one."""

    tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A whole sentence for the chat that is not the agent's own."""

    text: str


@dataclass(frozen=True, slots=True)
class Working:
    """A sign of life with nothing to show, such as a thought."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event; ``detail`` is a sentence where the reason needs one."""

    reason: Reason
    detail: str = ""


Event = Started | Text | Tool | PermissionAsked | Usage | Notice | Working | Finished


class Run(Protocol):
    """One agent at work. The events can be read once, by one task."""

    def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events, the last one ``Finished``.

        Raises:
            AgentError: The agent cannot be used, or broke off.
        """
        ...

    async def answer(self, permission_id: str, option_id: str | None) -> None:
        """Answer a question; one that is no longer open is left alone.

        None rejects where the agent offers no option for that.
        """
        ...

    async def cancel(self) -> None:
        """Reject open questions, ask the agent to stop, then end it; return once it is dead.

        The events then end with ``Finished(Reason.CANCELLED)``.

        Raises:
            AgentError: A process of the run could not be ended.
        """
        ...


class Agent(Protocol):
    """A program that works in a folder when told to."""

    def start(
        self,
        prompt: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        conversation_id: str | None = None,
        mode: Mode = Mode.ASK,
        instructions: str = "",
        enclosure: Enclosure = UNENCLOSED,
    ) -> AbstractAsyncContextManager[Run]:
        """Start a run; the process is going when the block is entered, the events tell the rest.

        Args:
            prompt: What to do.
            folder: The working copy.
            environment: All that the agent may know of Butler's, see ``allowed_environment``.
            conversation_id: The conversation to go on with, as told by ``Started``.
            mode: How much it may do without asking; what has no modes ignores it.
            instructions: What the project asks of agents, told before the prompt; a plain program
                is not told.
            enclosure: What stands around its process.

        Raises:
            AgentError: The agent is not installed, or the folder is gone.
        """
        ...
