"""Snapshots of a working copy before and after a run, kept as commits in a store of Butler's own.

A snapshot is the commit ``refs/butler/runs/<number>/<moment>``. It holds every file byte by byte,
untracked ones included and ignored ones not; the repository and its files stay as they are. Its
message says which commit and branch the working copy was at.

Snapshots exclude ignored files, empty folders, what is neither a file nor a link, files that are
too large, and the contents of submodules; of the last three they note whether they changed.

Until version 0.1 snapshots were in the repository itself, under the same names. Those are still
found, and removed once they are old.
"""

import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from butler import GitError, run_git
from butler_run.snapshots import comparison
from butler_run.snapshots.capture import capture
from butler_run.snapshots.changes import Diff, FileChange
from butler_run.snapshots.repository import Repository
from butler_run.snapshots.restoration import Undone, by_hand, undo
from butler_run.snapshots.store import Store, opened

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
            tree = await capture(store)
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
            return await comparison.diff(store, before, after or await capture(store))

    async def files(self, before: str, after: str) -> tuple[FileChange, ...]:
        """Return which files changed between two snapshots, for less than ``diff``.

        Raises:
            GitError: A snapshot is gone.
        """
        async with self._opened() as store:
            return await comparison.changed_files(store, before, after)

    async def opaque(self, before: str, after: str) -> tuple[str, ...]:
        """Return what changed between two snapshots and is held by none of them.

        Raises:
            GitError: A snapshot is gone.
        """
        async with self._opened() as store:
            return await comparison.opaque_paths(store, before, after)

    async def uncommitted(self) -> Diff:
        """Return what the working copy has beyond its last commit.

        Raises:
            GitError: Git cannot read the working copy.
        """
        async with self._opened() as store:
            head = store.repository.head or await store.git("mktree", stdin=b"")
            found = await comparison.diff(store, head, await capture(store))
            return Diff(found.text, found.files)

    async def by_hand(self, commit: str, paths: str) -> str:
        """Return the command that brings files of a snapshot back on the machine.

        Raises:
            GitError: Git cannot read the repository.
        """
        async with self._opened() as store:
            return await by_hand(store, commit, paths)

    async def undo(self, before: str, after: str) -> Undone:
        """Put back what changed between two snapshots.

        Commits that the run made, and what it added to the index, stay.

        Raises:
            ChangedSinceError: Some of these files are not as ``after`` left them; none is touched.
            GitError: Git cannot read the working copy.
            UserError: Git cannot write it, and whether the files are as they were.
        """
        async with self._opened() as store:
            return await undo(store, before, after)

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
