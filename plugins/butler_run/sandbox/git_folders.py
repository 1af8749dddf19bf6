"""The git folder of a working copy in a sandbox: writable, except for commands that git runs.

A read-only ``.git/config`` is not enough: ``.git`` could be moved away, so it is bound onto itself;
and ``.git/commondir`` could lead git to another configuration, so an empty one takes its place.
What the configuration includes from elsewhere in the repo is read-only as well. Symbolic links are
never followed, because that would expose their targets.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from butler_run.sandbox.bubblewrap import Bind, Mount
from butler_run.sandbox.included import named_by, users_configuration
from butler_run.sandbox.placeholders import placeholder
from butler_run.sandbox.probe import SandboxError

_MAX_FOLDERS = 10_000
_MAX_BYTES = 1_000_000
_CONFIGURATION = ("config", "config.worktree")
_RUN_BY_GIT = (*_CONFIGURATION, "hooks", "commondir", "gitdir")
_HERE = ".\n"
_SHARED = ("objects", "refs", "logs")


@dataclass(frozen=True, slots=True)
class GitFolders:
    """The git folders of a working copy.

    Attributes:
        copy: The working copy.
        own: Its git folder.
        common: The folder that it shares with other worktrees; else its own.
    """

    copy: Path
    own: Path
    common: Path

    @property
    def is_shared(self) -> bool:
        """Whether the working copy is a linked worktree."""
        return self.own != self.common


@dataclass(frozen=True, slots=True)
class GitMounts:
    """The mounts of git folders: those an agent writes in, and what is read-only below them."""

    writable: tuple[Mount, ...] = ()
    pins: tuple[Mount, ...] = ()


def git_folders(copy: Path) -> GitFolders | None:
    """Look at the disk: return the git folders of a working copy, None if it has none.

    Raises:
        SandboxError: Its ``.git`` points to a folder that does not point back.
    """
    place = copy / ".git"
    if place.is_symlink():
        raise SandboxError(f"{place} is a symbolic link, so no agent can work there.")
    if place.is_dir():
        return GitFolders(copy, place, place)
    if not place.is_file():
        return None
    own = (copy / _text(place).removeprefix("gitdir:").strip()).resolve()
    common = (own / _text(own / "commondir").strip()).resolve()
    if not _leads_back(own, common, copy):
        raise SandboxError(
            f"{place} points to {own}, which does not point back, so no agent can work there. "
            "Run git worktree repair."
        )
    return GitFolders(copy, own, common)


@contextmanager
def prepared(folders: GitFolders) -> Iterator[GitMounts]:
    """Create missing mount points and yield the mounts; blocking.

    Raises:
        SandboxError: A file that git takes commands from is a link.
    """
    with ExitStack() as stack:
        for folder in _with_submodules(folders):
            _complete(folder)
            stack.enter_context(placeholder(folder / "commondir", _HERE))
        yield GitMounts(
            tuple(_writable(folders)),
            (
                *(pin for folder in _all(folders) for pin in _pins(folder)),
                *(Bind(path) for path in _pointers(folders.copy)),
                *(Bind(path) for path in _included(folders) if path.is_file()),
            ),
        )


def run_by_git(folders: GitFolders) -> Iterator[Path]:
    """Yield the files that git takes commands from, there or not; blocking."""
    for path in (*_commands(folders), *_included(folders)):
        yield from sorted(path.iterdir()) if path.is_dir() else [path]


def _commands(folders: GitFolders) -> Iterator[Path]:
    return (folder / name for folder in _all(folders) for name in _RUN_BY_GIT)


def _included(folders: GitFolders) -> list[Path]:
    """Return what git takes commands from that is elsewhere in the working copy."""
    users = users_configuration()
    found = (*users, *(each.resolve() for each in users), *_named(folders, users))
    places = (folders.copy, folders.common)
    own = frozenset(_commands(folders))
    return [each for each in found if each not in own and any(map(each.is_relative_to, places))]


def _named(folders: GitFolders, users: Iterable[Path]) -> list[Path]:
    own = (path for path in _commands(folders) if path.name in _CONFIGURATION)
    return named_by((*users, *own), folders.copy)


def _all(folders: GitFolders) -> list[Path]:
    return [*_with_submodules(folders), *_entries(folders.common / "worktrees")]


def _with_submodules(folders: GitFolders) -> list[Path]:
    in_tree = [each for each in _submodules(folders.copy) if each.is_dir()]
    roots = dict.fromkeys((folders.common, folders.own))
    below = (each for root in roots for each in _git_folders_below(root / "modules"))
    return [folders.common, *below, *in_tree]


def _submodules(copy: Path) -> Iterator[Path]:
    """Yield the ``.git`` files or folders of a working copy's submodules."""
    for value in _values(copy / ".gitmodules", "path"):
        place = copy / value / ".git"
        if place.resolve() == place and place.is_relative_to(copy) and _is_plain(place):
            yield place


def _pointers(copy: Path) -> Iterator[Path]:
    """Yield the files that point to the git folders of a working copy and of its submodules."""
    return (each for each in (copy / ".git", *_submodules(copy)) if each.is_file())


def _writable(folders: GitFolders) -> Iterator[Mount]:
    if folders.is_shared:
        yield Bind(folders.common)
        for name in _SHARED:
            if _is_plain(folders.common / name):
                yield Bind(folders.common / name, is_writable=True)
    yield Bind(folders.own, is_writable=True)


def _pins(folder: Path) -> Iterator[Mount]:
    return (Bind(folder / name) for name in _RUN_BY_GIT if _is_plain(folder / name))


def _complete(folder: Path) -> None:
    (folder / "hooks").mkdir(exist_ok=True)
    worktree = folder / "config.worktree"
    # An empty one is as good as none; without the extension git does not look at it.
    is_known = "worktreeconfig" in _text(folder / "config").lower()
    if is_known and not os.path.lexists(worktree):
        worktree.touch()


def _is_plain(path: Path) -> bool:
    """Look at the disk: return whether the file or folder exists.

    Raises:
        SandboxError: It is something else, such as a link.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise SandboxError(f"{path} cannot be read: {error.strerror}.") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise SandboxError(
            f"{path} is neither a file nor a folder, so it cannot be protected from the agent. "
            "Replace it with a plain one."
        )
    return True


def _git_folders_below(folder: Path) -> list[Path]:
    """Return the git folders of all nested submodules."""
    found, left = [], _MAX_FOLDERS
    for place, names, files in os.walk(folder):
        left -= 1
        if left < 0:
            raise SandboxError(f"{folder} holds more than {_MAX_FOLDERS:,} folders.")
        if "HEAD" in files and "objects" in names:
            found.append(Path(place))
            names[:] = [name for name in names if name == "modules"]
    return found


def _entries(folder: Path) -> list[Path]:
    if not _is_plain(folder):
        return []
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink())


def _leads_back(own: Path, common: Path, copy: Path) -> bool:
    if own != common:
        back = _text(own / "gitdir").strip()
        return own.parent == common / "worktrees" and Path(back) == copy / ".git"
    return any((own / back).resolve() == copy for back in _values(own / "config", "worktree"))


def _values(path: Path, key: str) -> Iterator[str]:
    """Yield the values of a key in a file with the syntax of git's configuration."""
    for line in _text(path).splitlines():
        name, _, value = line.partition("=")
        if name.strip().lower() == key:
            yield value.strip().strip('"')


def _text(path: Path) -> str:
    """Return the content of a plain file, else an empty text: reading a pipe would block."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return ""
        with path.open(errors="replace") as file:
            return file.read(_MAX_BYTES)
    except OSError:
        return ""
