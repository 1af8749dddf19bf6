"""Enclosure: the interface of sandboxes and limits around a program."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Watched(Protocol):
    """A running program, as seen by the watch of its limits."""

    @property
    def pid(self) -> int | None:
        """The process id of the program, or of the sandbox around it."""
        ...

    def fail(self, error: Exception) -> None:
        """Kill it and its descendants; reading its output then raises the error."""
        ...


@dataclass(frozen=True, slots=True)
class Launch:
    """The command that starts an enclosed program.

    Attributes:
        command: The command with its arguments.
        environment: Its whole environment.
        is_boxed: The command is a sandbox that contains the program.
        watch: Watches the program while it runs.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    is_boxed: bool = False
    watch: Callable[[Watched], Awaitable[None]] | None = None


class Enclosure(Protocol):
    """Prepares the launch of a command; one per run."""

    def around(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Launch]:
        """Prepare the start of ``command`` in ``folder``; leave the block after its end.

        Raises:
            AgentError: It cannot be started in this enclosure.
        """
        ...


class Unenclosed:
    """No enclosure."""

    @asynccontextmanager
    async def around(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]
    ) -> AsyncIterator[Launch]:
        """Start the command unchanged."""
        yield Launch(command, environment)


UNENCLOSED = Unenclosed()
