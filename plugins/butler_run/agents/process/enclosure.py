"""What can stand around a program: a sandbox, limits, or nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Watched(Protocol):
    """A program at work, as those see it who look after its limits."""

    @property
    def pid(self) -> int | None:
        """The process id of the program, or of the sandbox around it."""
        ...

    def fail(self, error: Exception) -> None:
        """Kill it with all that it started; reading what it writes then raises the error."""
        ...


@dataclass(frozen=True, slots=True)
class Launch:
    """How a program is really started.

    Attributes:
        command: What is started.
        environment: All of its environment.
        is_boxed: The command is a sandbox, and the program runs in there.
        watch: Looks after the program for as long as it runs.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    is_boxed: bool = False
    watch: Callable[[Watched], Awaitable[None]] | None = None


class Enclosure(Protocol):
    """Makes a launch of a command; one for each run."""

    def around(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Launch]:
        """Prepare the start of ``command`` in ``folder``; leave the block after its end.

        Raises:
            AgentError: It cannot be started like this.
        """
        ...


class Unenclosed:
    """Nothing around the program."""

    @asynccontextmanager
    async def around(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]
    ) -> AsyncIterator[Launch]:
        """Start the command as it is."""
        yield Launch(command, environment)


UNENCLOSED = Unenclosed()
