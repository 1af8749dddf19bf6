"""Agent: the interface of coding agents.

An agent starts runs. A run is a stream of events that can be answered and cancelled::

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
    """The permission modes, in ascending order of what an agent may do without asking."""

    PLAN = "plan"
    ASK = "ask"
    EDITS = "edits"
    BYPASS = "bypass"

    def within(self, ceiling: "Mode") -> "Mode":
        """Return the mode, limited by ``ceiling``."""
        return min(self, ceiling, key=list(Mode).index)


class OptionKind(StrEnum):
    """The meaning of an option."""

    ALLOW_ONCE = "allow_once"
    ALLOW_ALWAYS = "allow_always"
    REJECT = "reject"


class Reason(StrEnum):
    """The reason for the end of a run."""

    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    CUT_SHORT = "cut_short"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Option:
    """An answer to a question; ``number`` counts from 1 in the order shown."""

    number: int
    id: str
    label: str
    kind: OptionKind


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a file; ``old`` is None if the file is new or its content is unknown."""

    path: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class Started:
    """The agent accepted the prompt; the id is None if the agent has no conversations."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """A slash command of an agent; ``name`` is without the slash, as in ``compact``."""

    name: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class CommandsAnnounced:
    """The slash commands that the agent takes as prompts in this folder; replaces earlier ones."""

    commands: tuple[AgentCommand, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer; pieces are joined without a separator."""

    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """The start of a tool call, or with ``is_finished`` its end, with the same id."""

    id: str
    title: str
    is_finished: bool = False
    is_failed: bool = False


@dataclass(frozen=True, slots=True)
class PermissionAsked:
    """A question of the agent, which waits for ``answer`` with ``id`` and the id of an option.

    Attributes:
        tool: The agent's title of the tool call, such as ``Write made.txt``.
        command: The command line that it would run, if any.
        changes: The changes that it would make to files.
        detail: The rest of the description, at most 2,000 characters.
    """

    id: str
    tool: str
    command: str | None
    changes: tuple[Change, ...]
    detail: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of the run so far; replaces earlier ones."""

    tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the chat from Butler rather than the agent."""

    text: str


@dataclass(frozen=True, slots=True)
class Working:
    """A sign of life without visible output, such as a thought."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event; ``detail`` is a sentence that explains the reason, or empty."""

    reason: Reason
    detail: str = ""


Event = (
    Started
    | CommandsAnnounced
    | Text
    | Tool
    | PermissionAsked
    | Usage
    | Notice
    | Working
    | Finished
)


class Run(Protocol):
    """A run of an agent. Its events can be read once, by one task."""

    def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events, the last one ``Finished``.

        Raises:
            AgentError: The agent cannot be used, or failed.
        """
        ...

    async def answer(self, permission_id: str, option_id: str | None) -> None:
        """Answer a question; ignored if it is no longer open.

        None rejects if the agent offers no option for that.
        """
        ...

    async def cancel(self) -> None:
        """Reject open questions, ask the agent to stop, then end it; return when it is dead.

        The events then end with ``Finished(Reason.CANCELLED)``.

        Raises:
            AgentError: A process of the run could not be ended.
        """
        ...


class Agent(Protocol):
    """A coding agent, or any other program that works on a prompt in a folder."""

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
        """Start a run; the process is running in the block, and the events report the rest.

        Args:
            prompt: The task.
            folder: The working copy.
            environment: The whole environment of the agent, see ``allowed_environment``.
            conversation_id: The conversation to resume, from ``Started``.
            mode: The permission mode; ignored by agents without modes.
            instructions: The project's instructions for agents, sent before the prompt; plain
                programs do not get them.
            enclosure: The sandbox or limits around its process.

        Raises:
            AgentError: The agent is not installed, or the folder does not exist.
        """
        ...
