"""Puts back the files that a run changed."""

import asyncio
from collections.abc import Awaitable, Collection, Iterable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from butler import GitError, UserError, listed
from butler_run.snapshots.capture import capture
from butler_run.snapshots.changes import NO_FILE, Entry, shown
from butler_run.snapshots.checked_objects import CheckedObjects
from butler_run.snapshots.comparison import changed_entries
from butler_run.snapshots.files import in_the_way, remove
from butler_run.snapshots.store import Store

T = TypeVar("T")


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


async def undo(store: Store, before: str, after: str) -> Undone:
    """Put back what changed between two snapshots.

    Raises:
        ChangedSinceError: Some of these files are not as ``after`` left them; none is touched.
        GitError: Git cannot read the working copy.
        UserError: Git cannot write it, and whether the files are as they were.
    """
    objects = CheckedObjects(store)
    now = await capture(store)
    changed = await _checked(objects.changed_entries(before, after))
    kept = [entry.path for entry in changed if entry.is_opaque]
    changed = [entry for entry in changed if not entry.is_opaque]
    since = {entry.path for entry in await changed_entries(store, after, now)}
    undone = {entry.path for entry in changed} - {
        entry.path for entry in await changed_entries(store, before, now)
    }
    wanted = [entry for entry in changed if entry.path not in undone]
    _refuse_changed({entry.path for entry in wanted}, since - undone - {*kept})
    there = [entry.path for entry in wanted if entry.modes[0] != NO_FILE]
    gone = {entry.path for entry in wanted} - {*there}
    _refuse_lost(await asyncio.to_thread(in_the_way, store.top, there, gone))
    await _checked(objects.check_files(wanted))
    try:
        await _put(store, objects, wanted, side=0)
    except GitError as error:
        await _go_back(store, objects, after, wanted, error)
    paths = sorted(entry.path for entry in wanted)
    return Undone(tuple(paths), tuple(map(shown, kept)))


async def by_hand(store: Store, commit: str, paths: str) -> str:
    """Return the command that brings files of a snapshot back on the machine."""
    restore = f"restore --source={commit[:12]} -- {paths}"
    try:
        await store.git("cat-file", "-e", commit)
    except GitError:
        return f"git {restore}"
    return f"git --git-dir={store.folder} --work-tree={store.top} {restore}"


async def _go_back(
    store: Store, objects: CheckedObjects, after: str, wanted: Collection[Entry], error: GitError
) -> NoReturn:
    """Make the files what they were before an undo that broke off, as on a disk that is full.

    Raises:
        UserError: Always; the text says whether that went well.
    """
    try:
        await _put(store, objects, wanted, side=1)
    except GitError:
        command = await by_hand(store, after, ".")
        raise UserError(
            f"The undo broke off in the middle: {error} Some files are damaged; Butler still "
            f"has them: {command} brings back what the run left."
        ) from error
    raise UserError(f"Nothing was undone: {error}") from error


async def _checked(checking: Awaitable[T]) -> T:
    """Wait for what checks snapshots.

    Raises:
        UserError: They are damaged.
    """
    try:
        return await checking
    except GitError as error:
        raise UserError(f"Nothing was undone: {error}") from error


async def _put(
    store: Store, objects: CheckedObjects, entries: Collection[Entry], side: int
) -> None:
    """Make files what they are on one side of their entries."""
    there = [entry for entry in entries if entry.modes[side] != NO_FILE]
    gone = {entry.path for entry in entries} - {entry.path for entry in there}
    try:
        await asyncio.to_thread(remove, store.top, gone)
    except OSError as error:
        raise GitError(f"a file cannot be removed: {error.strerror}.") from None
    await objects.put(there, side)


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
