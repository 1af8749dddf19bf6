"""Build the enclosure of each run from the configuration and the folders to hide."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from butler import Repo
from butler_run.agents.process.enclosure import Launch
from butler_run.sandbox import limits
from butler_run.sandbox.boundary import Boundary
from butler_run.sandbox.launch import SOCKET, boxed, check_program
from butler_run.sandbox.look_back import LookBack
from butler_run.sandbox.places import Places
from butler_run.sandbox.probe import Bubblewrap, SandboxError, find
from butler_run.sandbox.proxy import NetworkList, served
from butler_run.sandbox.watch import Watch

T = TypeVar("T")

_HOMELESS = Path("/tmp/home")  # noqa: S108 - a folder in the sandbox
_KEPT = "agents"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Butler's own files on this machine.

    Attributes:
        data_folder: The data folder.
        configuration: The configuration file.
        repos: Returns all repos currently known.
    """

    data_folder: Path
    configuration: Path
    repos: Iterable[Repo]

    def hidden_from(self, folder: Path) -> tuple[Path, ...]:
        """Look at the disk: return the paths to hide from a run in ``folder``."""
        others = {repo.path.resolve() for repo in self.repos} - {folder}
        return (*self.own(), *sorted(others))

    def own(self) -> tuple[Path, ...]:
        """Look at the disk: return what is Butler's alone."""
        in_environment = sys.prefix != sys.base_prefix
        return (
            self.data_folder.resolve(),
            self.configuration.resolve(),
            *([Path(sys.prefix).resolve()] if in_environment else []),
        )


class Enclosures:
    """Builds the enclosures of runs."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._bubblewrap: Bubblewrap | None = None

    def bubblewrap(self) -> Bubblewrap:
        """Return a working bubblewrap, retried after a failure; blocking.

        Raises:
            SandboxError: None works.
        """
        if self._bubblewrap is None:
            self._bubblewrap = find()
        return self._bubblewrap

    def check(self, repo: Repo, boundary: Boundary) -> None:
        """Check the requirements of a run; blocking.

        Raises:
            SandboxError: Such a run is not possible here.
        """
        if boundary.is_boxed:
            self.bubblewrap()
            return
        folder = repo.path.resolve()
        for own in self._surroundings.own():
            if own.is_relative_to(folder) or folder.is_relative_to(own):
                raise SandboxError(
                    f"*{repo.name}* contains or lies in {own}, which is Butler's own, so agents "
                    'work there in a sandbox only. The configuration says sandbox = "off" for it.'
                )

    def of_run(self, repo: Repo, copy: Path, boundary: Boundary) -> "RunEnclosure":
        """Return the enclosure of one run in a repo within the working copy ``copy``."""
        return RunEnclosure(self, self._surroundings, repo, copy, boundary)


class RunEnclosure:
    """The enclosure of one run, see ``Enclosure``.

    Args:
        enclosures: Provides the bubblewrap.
        surroundings: Butler's own files, which are hidden.
        repo: The repo of the run.
        copy: The working copy that contains the repo's folder.
        boundary: The network and limits of the run.
    """

    def __init__(
        self,
        enclosures: Enclosures,
        surroundings: Surroundings,
        repo: Repo,
        copy: Path,
        boundary: Boundary,
    ) -> None:
        self._enclosures = enclosures
        self._surroundings = surroundings
        self._repo = repo
        self._copy = copy
        self._boundary = boundary
        self._network = NetworkList(boundary.hosts or ())
        self._look_back = LookBack(repo.path, copy)

    @property
    def notes(self) -> list[str]:
        """Sentences for the chat on noteworthy acts of the program; complete after its end."""
        return [*self._look_back.notes, *self._network.notes]

    def check_program(self, program: Path, environment: Mapping[str, str]) -> None:
        """Check that the sandbox, if there is one, does not hide a program; blocking.

        Raises:
            SandboxError: It does.
        """
        if self._boundary.is_boxed:
            check_program(
                self._places(self._repo.path.resolve(), environment), program, environment
            )

    @asynccontextmanager
    async def around(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]
    ) -> AsyncIterator[Launch]:
        """Prepare the start of a command, see ``Enclosure``."""
        folder = await asyncio.to_thread(folder.resolve)
        boundary = self._boundary
        watch = Watch(boundary.limits, (folder, *boundary.writable), boundary.outboxes)
        async with AsyncExitStack() as stack:
            launch = await self._launch(stack, command, folder, environment)
            await asyncio.to_thread(self._look_back.begin)
            try:
                yield replace(launch, watch=watch.over)
            finally:
                await asyncio.to_thread(self._look_back.end, watch)

    async def _launch(
        self,
        stack: AsyncExitStack,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
    ) -> Launch:
        boundary = self._boundary
        if not boundary.is_boxed:
            in_front = await asyncio.to_thread(limits.in_front, boundary.limits)
            return Launch([*in_front, *command], environment)
        bubblewrap = await asyncio.to_thread(self._enclosures.bubblewrap)
        places = await asyncio.to_thread(self._places, folder, environment)
        preparing = boxed(bubblewrap.program, command, environment, places, boundary)
        made = await stack.enter_async_context(_in_thread(preparing))
        if boundary.hosts:
            await stack.enter_async_context(served(made.run_folder / SOCKET, self._network))
        return made.launch

    def _places(self, folder: Path, environment: Mapping[str, str]) -> Places:
        home = Path(environment.get("HOME") or "/").resolve()
        return Places(
            folder=folder,
            copy=self._copy,
            home=home if home.is_dir() and home != Path("/") else _HOMELESS,
            of_home=self._boundary.home,
            kept=self._surroundings.data_folder / _KEPT / self._repo.name,
            hidden=self._surroundings.hidden_from(folder),
            readable=self._boundary.readable,
            writable=(*self._boundary.writable, *self._boundary.outboxes),
            is_trusted=self._boundary.is_trusted,
        )


@asynccontextmanager
async def _in_thread(block: AbstractContextManager[T]) -> AsyncIterator[T]:
    value = await asyncio.to_thread(block.__enter__)
    try:
        yield value
    finally:
        await asyncio.to_thread(block.__exit__, None, None, None)
