"""Snapshots of a working copy before and after a run, kept as hidden commits.

A snapshot is a commit under ``refs/butler/runs/<number>/``. It holds every file byte by byte,
untracked ones included and ignored ones not; index, branch and files stay as they are. Its parent
is the last commit of the repository, so that one is kept, too.

Snapshots exclude ignored files, empty folders, and the contents of submodules.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from butler import GitError, UserError, listed, run_git
from butler_run.snapshots.files import in_the_way, remove
from butler_run.snapshots.shadow_repository import (
    Diff,
    Entry,
    FileChange,
    Repository,
    ShadowRepository,
    shown,
)

__all__ = ["ChangedSinceError", "Diff", "FileChange", "Moment", "Snapshots", "summary"]

KEPT_S = 30 * 24 * 3600.0

_REFS = "refs/butler/runs"
_SUBMODULE = "160000"
_NO_FILE = "000000"


class Moment(StrEnum):
    """The moment of a snapshot: before or after the run."""

    BEFORE = "before"
    AFTER = "after"


class ChangedSinceError(UserError):
    """Files were changed after the run, so it is not undone.

    Attributes:
        paths: Which, relative to the working copy.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(sorted(paths))
        super().__init__(f"Nothing was undone. Changed since the run: {listed(self.paths)}.")


class Snapshots:
    """The snapshots of one working copy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def take(self, run: int, moment: Moment) -> str:
        """Take a snapshot of the working copy and return the id of its commit.

        Raises:
            GitError: Git cannot read the working copy.
        """
        async with self._private() as private:
            tree = await private.tree()
            parent = ("-p", private.head) if private.head else ()
            message = ("-m", f"run {run}, {moment}")
            commit = await private.git("commit-tree", tree, *parent, *message)
        await run_git(self._folder, "update-ref", "--", f"{_REFS}/{run}/{moment}", commit)
        return commit

    async def _commit(self, name: str) -> str | None:
        try:
            found = await run_git(
                self._folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"
            )
        except GitError as error:
            if error.status == 1:
                return None
            raise
        return found.decode().strip()

    async def diff(self, before: str, after: str | None = None) -> Diff:
        """Return the changes between two snapshots, or up to now without ``after``.

        Raises:
            GitError: Git cannot read the working copy, or a snapshot is gone.
        """
        async with self._private() as private:
            return await private.diff(before, after or await private.tree())

    async def files(self, before: str, after: str) -> tuple[FileChange, ...]:
        """Return the files changed between two snapshots; cheaper than ``diff``.

        Raises:
            GitError: A snapshot is gone.
        """
        async with self._private() as private:
            return await private.files(before, after)

    async def has_commits(self, before: str, after: str) -> bool:
        """Return whether the repository's last commit differs between two snapshots.

        Raises:
            GitError: A snapshot is gone.
        """
        return await self._commit(f"{before}^1") != await self._commit(f"{after}^1")

    async def uncommitted(self) -> Diff:
        """Return the uncommitted changes of the working copy.

        Raises:
            GitError: Git cannot read the working copy.
        """
        async with self._private() as private:
            head = private.head or await private.git("mktree", stdin=b"")
            return await private.diff(head, await private.tree())

    async def undo(self, before: str, after: str) -> tuple[str, ...]:
        """Revert the changes between two snapshots and return the paths of the files.

        Commits and index changes of the run stay.

        Raises:
            ChangedSinceError: Some of these files are not as ``after`` left them; none is touched.
            GitError: Git cannot read the working copy, or a snapshot is gone.
            UserError: Git cannot write it, and whether the files are as they were.
        """
        async with self._private() as private:
            changed = await private.entries(before, after)
            now = await private.tree()
            since = {entry.path for entry in await private.entries(after, now)}
            undone = {entry.path for entry in changed} - {
                entry.path for entry in await private.entries(before, now)
            }
            wanted = [entry for entry in changed if entry.path not in undone]
            _refuse_submodules(wanted)
            _refuse_changed({entry.path for entry in wanted}, since - undone)
            gone, there = _gone_and_there(wanted, side=0)
            _refuse_lost(await asyncio.to_thread(in_the_way, private.top, there, gone))
            try:
                await _put(private, before, gone, there)
            except GitError as error:
                await self._go_back(after, wanted, error)
            return tuple(sorted(entry.path for entry in wanted))

    async def _go_back(self, after: str, wanted: Iterable[Entry], error: GitError) -> NoReturn:
        """Restore the files after an undo that failed midway, such as on a full disk.

        Raises:
            UserError: Always; the text says whether that went well.
        """
        try:
            # Not with the git folder in hand: a git that was killed leaves it locked.
            async with self._private() as private:
                await _put(private, after, *_gone_and_there(wanted, side=1))
        except GitError:
            raise UserError(
                f"The undo failed midway: {error} Some files are damaged; git still has "
                f"them: git restore --source={after[:12]} -- . brings back what the run left."
            ) from error
        raise UserError(f"Nothing was undone: {error}") from error

    async def prune(self, kept_s: float = KEPT_S) -> int:
        """Delete the snapshots older than ``kept_s`` and return their number."""
        form = "--format=%(committerdate:unix) %(refname)"
        listing = await run_git(self._folder, "for-each-ref", form, _REFS)
        limit = time.time() - kept_s
        stamped = (line.split(" ", 1) for line in listing.decode().splitlines())
        old = [name for stamp, name in stamped if float(stamp) < limit]
        commands = "".join(f"delete {name}\n" for name in old)
        await run_git(self._folder, "update-ref", "--stdin", stdin=commands.encode())
        return len(old)

    @asynccontextmanager
    async def _private(self) -> AsyncIterator["ShadowRepository"]:
        repository = await Repository.at(self._folder)
        private = await asyncio.to_thread(ShadowRepository, repository)
        try:
            yield private
        finally:
            await asyncio.to_thread(private.remove)


def summary(files: Collection[FileChange]) -> str:
    """Return the number of changed files and lines."""
    added = sum(file.added or 0 for file in files)
    removed = sum(file.removed or 0 for file in files)
    return f"{len(files)} file{'s' * (len(files) != 1)} +{added} −{removed}"


async def _put(
    private: ShadowRepository, source: str, gone: Iterable[str], there: Iterable[str]
) -> None:
    """Restore files from ``source``, and remove those that it does not have."""
    try:
        await asyncio.to_thread(remove, private.top, gone)
    except OSError as error:
        raise GitError(f"a file cannot be removed: {error.strerror}.") from None
    await private.restore(source, there)


def _gone_and_there(entries: Iterable[Entry], side: int) -> tuple[set[str], list[str]]:
    """Return the paths that are missing in a state, and those that exist."""
    gone = {entry.path for entry in entries if entry.modes[side] == _NO_FILE}
    return gone, [entry.path for entry in entries if entry.path not in gone]


def _refuse_submodules(entries: Iterable[Entry]) -> None:
    submodules = [entry.path for entry in entries if _SUBMODULE in entry.modes]
    if submodules:
        raise UserError(
            f"Nothing was undone. The run changed what cannot be restored: {listed(submodules)} "
            "(a git repository within the repository)."
        )


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
