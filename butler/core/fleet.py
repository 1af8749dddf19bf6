"""The seam to other machines: what the bot asks of a fleet, if there is one."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from butler.access.rules import Role
from butler.chat.message import Message, Person
from butler.core.commands import Answer, Pass
from butler.core.gate import Hear, Say
from butler.core.router import Call


@dataclass(frozen=True, slots=True)
class Handed:
    """The turn was handled on another machine, or is kept for one; it is already answered.

    Attributes:
        had_effect: As in ``Transport.acknowledge``.
        is_kept: The fleet acknowledges the message, later.
    """

    had_effect: bool = True
    is_kept: bool = False


class MachineReply(NamedTuple):
    """What another machine replied to a call."""

    machine: str
    text: str
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """The call is for this machine, too; the others were asked, and are not waited for before.

    Attributes:
        call: What to call here.
        replies: The replies of the other machines.
    """

    call: Call
    replies: Awaitable[Sequence[MachineReply]]

    async def with_reply(self, here: Answer | Pass, result: str) -> Answer | Pass:
        """Return the reply of this machine with those of the others, under their names.

        What one refuses is left out where another one has something to say.
        """
        told = [each for each in await self.replies if not each.is_refused]
        if not told:
            return here
        parts = [f"*{each.machine}*\n{each.text}" for each in told]
        if isinstance(here, str) and result != "refused":
            parts.insert(0, here)
        return "\n\n".join(parts)


Placed = Handed | Joined | Call | Hear | Say
"""What is left to do here with a message: nothing, a call, to hear it, or to say something."""


class MachineRepo(NamedTuple):
    """A repo on another machine."""

    name: str
    description: str = ""


class Machine(NamedTuple):
    """A machine as a chat may see it.

    Attributes:
        name: Its name.
        is_here: It is the one with the link to the chat network; its repos are not listed.
        is_online: Whether it can be reached.
        since: Since when, in Unix seconds.
        last_seen: When it was seen last, in Unix seconds.
        version: Of Butler, there.
        busy: Number of turns and runs in progress.
        slots: Maximum number of turns at a time.
        repos: Those that the sender may see.
    """

    name: str
    is_here: bool = False
    is_online: bool = True
    since: float = 0.0
    last_seen: float = 0.0
    version: str = ""
    busy: int = 0
    slots: int = 0
    repos: tuple[MachineRepo, ...] = ()


class OpenQuestion(NamedTuple):
    """A question of an agent that waits for an answer.

    Attributes:
        chat_id: The chat.
        number: The number of the run.
        code: Tells it from all other questions.
        rejections: The words that would reject it.
        text_of: Whose plain text answers it, beside the words that answer any; None for nobody.
    """

    chat_id: str
    number: int
    code: str
    rejections: tuple[str, ...]
    text_of: Person | None = None


class Fleet(Protocol):
    """The other machines, and what they have to know of this one."""

    @property
    def works_at(self) -> str:
        """The name of this machine where it works for another one, else empty."""
        ...

    def overtakes(self, message: Message) -> bool:
        """Return whether plain text rejects every open question of its chat, wherever they are."""
        ...

    async def hand_over(
        self, message: Message, role: Role, verdict: Call | Hear, is_meant: Callable[[], bool]
    ) -> Placed:
        """Have a permitted message handled where it belongs; return what is left to do here.

        Args:
            message: The message.
            role: The role of its sender.
            verdict: What the gate decided.
            is_meant: Returns whether plain text is for a plugin in this chat.

        Raises:
            UserError: It cannot be placed; the text says why.
        """
        ...

    def offer(self, foreign_commands: Callable[[], Iterable[str]]) -> None:
        """Let others know the commands that plugins of this machine take though none has them.

        Args:
            foreign_commands: Returns their names as they are by now.
        """
        ...

    def takes_command(self, word: str) -> bool:
        """Return whether a plugin on another machine takes a command of this name."""
        ...

    def machines(self, message: Message, role: Role) -> Sequence[Machine]:
        """Return the machines, this one included, with the repos that a reply may name."""
        ...

    async def next_number(self, after: int) -> int:
        """Return the number of the next run; no machine gets it again.

        Args:
            after: The highest number known here.

        Raises:
            UserError: There is none now.
        """
        ...

    def job_began(self, chat_id: str, number: int) -> None:
        """Note that a run was queued here."""
        ...

    def job_ended(self, chat_id: str, number: int) -> None:
        """Note that a run has ended here."""
        ...

    def question_asked(self, question: OpenQuestion) -> None:
        """Note an open question of this machine."""
        ...

    def question_closed(self, question: OpenQuestion) -> None:
        """Note that a question of this machine is closed."""
        ...
