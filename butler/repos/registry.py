"""The repo registry: maps names to working copies."""

import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from butler.chat.text import folded, in_natural_order, printable
from butler.errors import UnknownRepoError, UnusableRepoError
from butler.repos.agent_settings import Brought, brought_by
from butler.repos.working_copy import Pin, Pins

MAX_NAME_LENGTH = 64
_NAME = re.compile(r"\w[\w.+-]*")


def name_problem(name: str) -> str | None:
    """Return why ``name`` is not a valid repo name, or None if it is."""
    if not name:
        return "it is empty"
    if len(name) > MAX_NAME_LENGTH:
        return f"it is longer than {MAX_NAME_LENGTH} characters"
    if _NAME.fullmatch(unicodedata.normalize("NFC", name)):
        return None
    return "a name is letters, digits and . _ + - and starts with a letter, digit or _"


@dataclass(frozen=True, slots=True)
class Repo:
    """A working copy on the machine that runs Butler.

    Attributes:
        name: Its name in chats.
        path: The folder, absolute.
        description: One line for the list, or empty.
        options: Its options for plugins, by plugin name.
        is_trusted: Agents may take settings, tools and hooks from it.
    """

    name: str
    path: Path
    description: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    is_trusted: bool = False
    _pin: Pin = field(default_factory=Pin, repr=False, compare=False)

    def problem(self) -> str | None:
        """Check the disk; return why the folder cannot be used, or None if it can."""
        try:
            if self.path.is_dir():
                return self._pin.problem(self.path)
            return "is not a folder" if self.path.exists() else "does not exist"
        except OSError as error:
            return f"cannot be read ({error.strerror})"

    def keep_pin_in(self, pins: Pins) -> None:
        """Remember over restarts which working copy it is."""
        self._pin.keep_in(pins)

    def brought(self) -> Brought:
        """Check the disk; return what it brings that would have agents, or git, run programs."""
        return brought_by(self.path)

    def check_usable(self) -> None:
        """Check the disk and raise if the folder cannot be used.

        Raises:
            UnusableRepoError: The text says why.
        """
        if problem := self.problem():
            raise UnusableRepoError(
                f"*{self.name}* cannot be used: its folder {problem}. /repos lists the others."
            )


class RepoRegistry:
    """The repos configured by name, and those found in the repo folders.

    Names match case-insensitively. A configured repo wins over a found one with the same name or
    folder. Thread-safe: :meth:`refresh` replaces the found repos in one step.
    """

    def __init__(
        self,
        repos: Iterable[Repo] = (),
        folders: Iterable[Path] = (),
        pins: Pins | None = None,
    ) -> None:
        self._configured = {folded(repo.name): repo for repo in repos}
        self._folders = tuple(folders)
        self._pins = pins
        self._refreshing = threading.Lock()
        self._by_name = dict(self._configured)
        for repo in self._configured.values():
            _pin(repo, pins)
        self._problems: tuple[str, ...] = ()
        self._skipped: tuple[str, ...] = ()
        self.refresh()

    def __iter__(self) -> Iterator[Repo]:
        """Yield the repos by name, ``repo2`` before ``repo10``."""
        by_name = self._by_name
        return iter([by_name[key] for key in sorted(by_name, key=in_natural_order)])

    def __len__(self) -> int:
        return len(self._by_name)

    def get(
        self,
        name: str,
        is_visible: Callable[[Repo], bool] | None = None,
        is_listed: Callable[[Repo], bool] | None = None,
    ) -> Repo:
        """Return the repo called ``name``; an invisible one counts as unknown.

        Raises:
            UnknownRepoError: No such repo; the text lists similar names.
        """
        repo = self._by_name.get(folded(name))
        if repo is None or (is_visible is not None and not is_visible(repo)):
            raise UnknownRepoError(_unknown(name, filter(is_listed or is_visible, self)))
        return repo

    @property
    def folder_problems(self) -> tuple[str, ...]:
        """A sentence for each folder that the last scan could not read."""
        return self._problems

    @property
    def skipped(self) -> tuple[str, ...]:
        """A sentence for each working copy in a folder that the last scan left out."""
        return self._skipped

    def problems(self) -> list[str]:
        """Check the disk; return a sentence for each repo or folder that cannot be used."""
        broken = [
            f"The folder of repo {repo.name}, {repo.path}, {problem}."
            for repo in self
            if (problem := repo.problem())
        ]
        return [*broken, *self._problems, *self._skipped]

    def follow(self, repos: Iterable[Repo], folders: Iterable[Path]) -> None:
        """Hold these repos and folders from now on; a repo that is as before stays known."""
        with self._refreshing:
            before, self._configured = self._configured, {}
            for repo in repos:
                known = before.get(key := folded(repo.name))
                self._configured[key] = known if known is not None and known == repo else repo
                _pin(self._configured[key], self._pins)
            self._folders = tuple(folders)
        self.refresh()

    @property
    def configured(self) -> tuple[Repo, ...]:
        """The repos that are configured by name."""
        return tuple(self._configured.values())

    def refresh(self) -> None:
        """Scan the folders again; reads the disk."""
        with self._refreshing:
            found = _Finds(self._configured, self._by_name, self._pins)
            for folder in self._folders:
                found.look_in(folder)
            self._problems, self._skipped = tuple(found.problems), tuple(found.skipped)
            self._by_name = found.repos


class _Finds:
    """The result of a scan through the folders."""

    def __init__(
        self, configured: Mapping[str, Repo], before: Mapping[str, Repo], pins: Pins | None
    ) -> None:
        self.repos = dict(configured)
        self.problems: list[str] = []
        self.skipped: list[str] = []
        self._before = before
        self._pins = pins
        self._taken = {_resolved(repo.path) for repo in configured.values()}

    def look_in(self, folder: Path) -> None:
        try:
            # A link to a sibling must not take its name.
            entries = sorted(folder.iterdir(), key=lambda each: (each.is_symlink(), each))
        except OSError as error:
            self.problems.append(f"The repo folder {folder} cannot be read: {error.strerror}.")
            return
        for entry in entries:
            if is_working_copy(entry):
                self._offer(entry, folder)

    def _offer(self, entry: Path, folder: Path) -> None:
        target = _resolved(entry)
        if target in self._taken:
            return
        if not target.is_relative_to(_resolved(folder)):
            self._refuse(entry, "it is a link to outside the folder")
        elif problem := name_problem(entry.name):
            self._refuse(entry, problem)
        elif other := self.repos.get(folded(entry.name)):
            self._refuse(entry, f"{other.path} has the same name")
        else:
            self._taken.add(target)
            name = unicodedata.normalize("NFC", entry.name)
            key, found = folded(name), Repo(name, entry)
            known = self._before.get(key)
            self.repos[key] = known if known == found else found
            _pin(self.repos[key], self._pins)

    def _refuse(self, entry: Path, why: str) -> None:
        name = printable(entry.name)
        self.skipped.append(
            f"{name} in {entry.parent} is skipped: {why}. Configure it under [repos.<name>]."
        )


def _pin(repo: Repo, pins: Pins | None) -> None:
    """Hold a repo to the working copy that it is, or was before a restart."""
    if pins is not None:
        repo.keep_pin_in(pins)
    repo.problem()


def _unknown(name: str, known: Iterable[Repo]) -> str:
    names = {folded(repo.name): repo.name for repo in known}
    said = f"No repo called {printable(name)}."
    if near := get_close_matches(folded(name[:MAX_NAME_LENGTH]), names, n=3, cutoff=0.5):
        meant = " or ".join(names[key] for key in near)
        return f"{said} Did you mean {meant}? /repos lists them."
    if not names:
        return f"{said} No repos are configured yet."
    if len(names) <= 8:
        return f"{said} Known: {', '.join(names.values())}."
    return f"{said} /repos lists all {len(names)}."


def is_working_copy(folder: Path) -> bool:
    """Check the disk; return whether ``folder`` is a git working copy."""
    try:
        return (folder / ".git").exists()
    except OSError:
        return False


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path
