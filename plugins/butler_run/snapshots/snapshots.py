"""Snapshots of a working copy before and after a run, kept as commits in a store of Butler's own.

A snapshot is the commit ``refs/butler/runs/<number>/<moment>``. It holds every file byte by byte,
untracked ones included and ignored ones not; the repository and its files stay as they are. Its
message says which commit and branch the working copy was at.

Snapshots exclude ignored files, empty folders, what is neither a file nor a link, files that are
too large, and the contents of submodules; of the last three they note whether they changed.

Until version 0.1 snapshots were in the repository itself, under the same names. Those are still
found, and removed once they are old.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, TypeVar

from butler import GitError, UserError, listed, run_git
from butler_run.snapshots.changes import NO_FILE, Diff, Entry, FileChange, shown, summary
from butler_run.snapshots.files import in_the_way, remove
from butler_run.snapshots.store import Repository, Store, opened

__all__ = [
    "ChangedSinceError",
    "Diff",
    "FileChange",
    "Head",
    "Moment",
    "SnapshotFolder",
    "Snapshots",
    "Undone",
    "summary",
]

T = TypeVar("T")

KEPT_S = 30 * 24 * 3600.0
MAX_FILE_MB = 100

_REFS = "refs/butler/runs"
_HEAD = re.compile(r"^(?:parent|Head:) ([0-9a-f]{40,64})$", re.MULTILINE)
_BRANCH = re.compile(r"^Branch: (.+)$", re.MULTILINE)
_BY_OTHERS = "Head-moved-by: others"


class Moment(StrEnum):
    """The moment of a snapshot: before or after the run."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a working copy was: its commit and its branch, each empty if there is none.

    Attributes:
        is_moved_by_others: It moved during the run, and not by the agent.
    """

    commit: str
    branch: str
    is_moved_by_others: bool = False


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of the files of a run that was undone.

    Attributes:
        paths: Those that were put back.
        kept: Those that no snapshot holds, so they stay as they are.
    """

    paths: tuple[str, ...]
    kept: tuple[str, ...] = ()


class ChangedSinceError(UserError):
    """Files were changed after the run, so it is not undone.

    Attributes:
        paths: Which, relative to the working copy.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(sorted(paths))
        super().__init__(f"Nothing was undone. Changed since the run: {listed(self.paths)}.")


class SnapshotFolder:
    """The folder with the stores of all working copies.

    Args:
        folder: The folder, made when it is needed.
        max_file_mb: Larger files are not held.
    """

    def __init__(self, folder: Path, max_file_mb: int = MAX_FILE_MB) -> None:
        self._folder = folder
        self._max_file_bytes = max_file_mb * 1_000_000

    def of(self, folder: Path) -> "Snapshots":
        """Return the snapshots of the working copy in which ``folder`` lies."""
        return Snapshots(folder, self._folder, self._max_file_bytes)


class Snapshots:
    """The snapshots of one working copy."""

    def __init__(self, folder: Path, root: Path, max_file_bytes: int) -> None:
        self._folder = folder
        self._root = root
        self._max_file_bytes = max_file_bytes

    async def take(self, run: int, moment: Moment, *, is_moved_by_others: bool = False) -> str:
        """Keep the state of the working copy and return the id of its commit.

        Raises:
            GitError: Git cannot read the working copy.
        """
        branch = await self._branch()
        async with self._opened() as store:
            said = [f"run {run}, {moment}\n", f"Branch: {branch}"]
            said += [f"Head: {store.repository.head}"] * bool(store.repository.head)
            said += [_BY_OTHERS] * is_moved_by_others
            tree = await store.tree()
            commit = await store.git("commit-tree", tree, "-m", "\n".join(said))
            await store.git("update-ref", "--", f"{_REFS}/{run}/{moment}", commit)
        return commit

    async def now(self) -> Head:
        """Return where the working copy is.

        Raises:
            GitError: Git cannot read it.
        """
        repository = await Repository.at(self._folder)
        return Head(repository.head or "", await self._branch())

    async def head(self, commit: str) -> Head:
        """Return where the working copy was at a snapshot.

        Raises:
            GitError: The snapshot is gone.
        """
        async with self._opened() as store:
            said = await store.read("cat-file", "commit", commit)
        found, branch = _HEAD.search(said), _BRANCH.search(said)
        is_moved = _BY_OTHERS in said.split("\n")
        return Head(found[1] if found else "", branch[1] if branch else "", is_moved)

    async def _branch(self) -> str:
        try:
            name = await run_git(self._folder, "symbolic-ref", "--quiet", "HEAD")
        except GitError as error:
            if error.status == 1:
                return ""
            raise
        return name.decode(errors="replace").strip()

    async def diff(self, before: str, after: str | None = None) -> Diff:
        """Return what changed between two snapshots, or up to now if there is no ``after``.

        Raises:
            GitError: Git cannot read the working copy, or a snapshot is gone.
        """
        async with self._opened() as store:
            return await store.diff(before, after or await store.tree())

    async def files(self, before: str, after: str) -> tuple[FileChange, ...]:
        """Return which files changed between two snapshots, for less than ``diff``.

        Raises:
            GitError: A snapshot is gone.
        """
        async with self._opened() as store:
            return await store.files(before, after)

    async def opaque(self, before: str, after: str) -> tuple[str, ...]:
        """Return what changed between two snapshots and is held by none of them.

        Raises:
            GitError: A snapshot is gone.
        """
        async with self._opened() as store:
            return await store.opaque(before, after)

    async def uncommitted(self) -> Diff:
        """Return what the working copy has beyond its last commit.

        Raises:
            GitError: Git cannot read the working copy.
        """
        async with self._opened() as store:
            head = store.repository.head or await store.git("mktree", stdin=b"")
            found = await store.diff(head, await store.tree())
            return Diff(found.text, found.files)

    async def by_hand(self, commit: str, paths: str) -> str:
        """Return the command that brings files of a snapshot back on the machine.

        Raises:
            GitError: Git cannot read the repository.
        """
        restore = f"restore --source={commit[:12]} -- {paths}"
        async with self._opened() as store:
            try:
                await store.git("cat-file", "-e", commit)
            except GitError:
                return f"git {restore}"
            return f"git --git-dir={store.folder} --work-tree={store.top} {restore}"

    async def undo(self, before: str, after: str) -> Undone:
        """Put back what changed between two snapshots.

        Commits that the run made, and what it added to the index, stay.

        Raises:
            ChangedSinceError: Some of these files are not as ``after`` left them; none is touched.
            GitError: Git cannot read the working copy.
            UserError: Git cannot write it, and whether the files are as they were.
        """
        async with self._opened() as store:
            now = await store.tree()
            changed = await _checked(store.checked_entries(before, after))
            kept = [entry.path for entry in changed if entry.is_opaque]
            changed = [entry for entry in changed if not entry.is_opaque]
            since = {entry.path for entry in await store.entries(after, now)}
            undone = {entry.path for entry in changed} - {
                entry.path for entry in await store.entries(before, now)
            }
            wanted = [entry for entry in changed if entry.path not in undone]
            _refuse_changed({entry.path for entry in wanted}, since - undone - {*kept})
            there = [entry.path for entry in wanted if entry.modes[0] != NO_FILE]
            gone = {entry.path for entry in wanted} - {*there}
            _refuse_lost(await asyncio.to_thread(in_the_way, store.top, there, gone))
            await _checked(store.check_files(wanted))
            try:
                await _put(store, wanted, side=0)
            except GitError as error:
                await self._go_back(store, after, wanted, error)
        paths = sorted(entry.path for entry in wanted)
        return Undone(tuple(paths), tuple(map(shown, kept)))

    async def _go_back(
        self, store: Store, after: str, wanted: Collection[Entry], error: GitError
    ) -> NoReturn:
        """Make the files what they were before an undo that broke off, as on a disk that is full.

        Raises:
            UserError: Always; the text says whether that went well.
        """
        try:
            await _put(store, wanted, side=1)
        except GitError:
            command = await self.by_hand(after, ".")
            raise UserError(
                f"The undo broke off in the middle: {error} Some files are damaged; Butler still "
                f"has them: {command} brings back what the run left."
            ) from error
        raise UserError(f"Nothing was undone: {error}") from error

    async def prune(self, kept_s: float = KEPT_S) -> int:
        """Delete the snapshots older than ``kept_s`` and return their number."""
        form = ("for-each-ref", "--format=%(committerdate:unix) %(refname)", _REFS)
        async with self._opened() as store:
            old = _older(await store.git(*form), kept_s)
            await store.git("update-ref", "--stdin", stdin=_deletion(old))
            await store.pack()
            before_stores = _older((await run_git(self._folder, *form)).decode(), kept_s)
            if before_stores:
                await run_git(self._folder, "update-ref", "--stdin", stdin=_deletion(before_stores))
            with suppress(OSError):
                (store.repository.git_folder / "butler-index").unlink()
        return len(old) + len(before_stores)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Store]:
        repository = await Repository.at(self._folder)
        async with opened(self._root, repository, self._max_file_bytes) as store:
            yield store


def _older(listing: str, kept_s: float) -> list[str]:
    """Return the names of the commits in a listing that are older than ``kept_s``."""
    limit = time.time() - kept_s
    stamped = (line.split(" ", 1) for line in listing.splitlines())
    return [name for stamp, name in stamped if float(stamp) < limit]


def _deletion(names: Iterable[str]) -> bytes:
    return "".join(f"delete {name}\n" for name in names).encode()


async def _checked(checking: Awaitable[T]) -> T:
    """Wait for what checks snapshots.

    Raises:
        UserError: They are damaged.
    """
    try:
        return await checking
    except GitError as error:
        raise UserError(f"Nothing was undone: {error}") from error


async def _put(store: Store, entries: Collection[Entry], side: int) -> None:
    """Make files what they are on one side of their entries."""
    there = [entry for entry in entries if entry.modes[side] != NO_FILE]
    gone = {entry.path for entry in entries} - {entry.path for entry in there}
    try:
        await asyncio.to_thread(remove, store.top, gone)
    except OSError as error:
        raise GitError(f"a file cannot be removed: {error.strerror}.") from None
    await store.put(there, side)


def _refuse_lost(paths: Iterable[str]) -> None:
    if lost := sorted(map(shown, paths)):
        raise UserError(
            f"Nothing was undone. A folder is in the place of a file, and in it is what git "
            f"ignores: {listed(lost)}."
        )


def _refuse_changed(wanted: set[str], since: set[str]) -> None:
    """Raise if a file was changed since, or was replaced by a folder."""
    folders_wanted = {folder for path in wanted for folder in _folders(path)}
    folders_since = {folder for path in since for folder in _folders(path)}
    in_the_way = (since & folders_wanted) | {
        path for path in since if folders_since & wanted & set(_folders(path))
    }
    if changed := (wanted & since) | in_the_way:
        raise ChangedSinceError(map(shown, changed))


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]
