"""Agent: the interface of coding agents.

An agent starts runs. A run is a stream of events that can be answered and cancelled::

    async with agent.start(prompt, folder=repo.path, environment=environment) as run:
        async for event in run:
            ...

Leaving the block ends every process of the run. Another task may call ``answer``, ``fill``,
``decide`` and ``cancel``.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from butler_run.agents.events import Decision, Event, Label, Mode, Value
from butler_run.agents.process.enclosure import UNENCLOSED, Enclosure

LONGEST_TITLE = 1_000
"""How much is kept of the first words of a conversation; what shows them hides secrets first."""


@dataclass(frozen=True, slots=True)
class Past:
    """A conversation of an agent in a folder.

    Attributes:
        id: The agent's id.
        title: Its first words.
        changed_at: When it was last changed, in Unix seconds; None if unknown.
        may_be_alive: Another process may be writing to it.
    """

    id: str
    title: str
    changed_at: float | None
    may_be_alive: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """What an agent offers in a folder; empty where it offers no choice.

    Attributes:
        models: The models; the first label with the value of ``model`` is the current one.
        model: The current model, if known.
        efforts: The levels of effort.
        effort: The current one, if known.
        modes: The permission modes that it knows.
        conversations: The conversations of the folder, newest first; None if it cannot list them.
    """

    models: tuple[Label, ...] = ()
    model: str = ""
    efforts: tuple[Label, ...] = ()
    effort: str = ""
    modes: tuple[Mode, ...] = ()
    conversations: tuple[Past, ...] | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a run asks of its agent besides the prompt; ignored by agents that do not offer it.

    Attributes:
        mode: The permission mode.
        model: The value of one of the offered models; None for the agent's default.
        effort: The same of the efforts.
        is_forked: Continue a copy of the conversation, as another process may write to it.
    """

    mode: Mode = Mode.ASK
    model: str | None = None
    effort: str | None = None
    is_forked: bool = False


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A file that belongs to a prompt.

    Attributes:
        path: Where it lies, also in the sandbox.
        media_type: Its type, by its content.
        shown: A picture as the model takes it, or a PDF; None if the model cannot look at it.
        shown_type: The type of that.
    """

    path: Path
    media_type: str
    shown: bytes | None = None
    shown_type: str = ""


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

    async def fill(self, input_id: str, values: Mapping[str, Value] | None, note: str = "") -> None:
        """Answer the agent's own questions; ignored if they are no longer open.

        Args:
            input_id: The id of ``InputAsked``.
            values: The answers by key; None declines to answer.
            note: What the agent is told if nobody answered.
        """
        ...

    async def decide(self, plan_id: str, decision: Decision, reason: str = "") -> None:
        """Answer a plan; ignored if it is no longer open. The reason of a no goes to the agent."""
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
        wishes: Wishes = NO_WISHES,
        instructions: str = "",
        files: Sequence[PromptFile] = (),
        enclosure: Enclosure = UNENCLOSED,
    ) -> AbstractAsyncContextManager[Run]:
        """Start a run; the process is running in the block, and the events report the rest.

        Args:
            prompt: The task.
            folder: The working copy.
            environment: The whole environment of the agent, see ``allowed_environment``.
            conversation_id: The conversation to resume, from ``Started``.
            wishes: Its mode, model and the like.
            instructions: The project's instructions for agents, sent before the prompt; plain
                programs do not get them.
            files: What the prompt names, for models that can look at it.
            enclosure: The sandbox or limits around its process.

        Raises:
            AgentError: The agent is not installed, or the folder does not exist.
        """
        ...

    async def look(
        self,
        *,
        folder: Path,
        environment: Mapping[str, str],
        enclosure: Enclosure = UNENCLOSED,
    ) -> Offer:
        """Ask what it offers in a folder, without a prompt; its process has ended on return.

        Raises:
            AgentError: The agent cannot be started.
        """
        ...
