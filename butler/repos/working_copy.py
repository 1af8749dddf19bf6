"""Where a working copy of git is, checked without asking git.

A working copy is not trusted, and what is at ``.git`` could lead git to another one, whose files
would then be shown, or removed. So a folder is its own git folder's, or is named by it: as a linked
worktree, or by ``core.worktree``, as a submodule is.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from butler.errors import GitError

_MAX_BYTES = 100_000
_WORKTREE = re.compile(r"^\s*worktree\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """The folders of a working copy.

    Attributes:
        top: The folder with the files.
        git_folder: The one with its ``HEAD`` and index.
        common_folder: The one with objects and branches; only a linked worktree has another one.
    """

    top: Path
    git_folder: Path
    common_folder: Path


class Pins(Protocol):
    """Keeps over restarts which working copies repos were."""

    def first(self, folder: Path, copy: WorkingCopy) -> tuple[WorkingCopy, Path | None]:
        """Return the first working copy that ``folder`` was, and the file that says so.

        That is ``copy`` if none is known yet; None if it is not kept.

        Raises:
            GitError: It cannot be told.
        """


class Pin:
    """The working copy that a repo was when it was first configured or found."""

    def __init__(self) -> None:
        self._pins: Pins | None = None
        self._copy: WorkingCopy | None = None
        self._kept_at: Path | None = None

    def keep_in(self, pins: Pins) -> None:
        """Keep it over restarts from now on."""
        self._pins = pins

    def problem(self, folder: Path) -> str | None:
        """Look at the disk: return why ``folder`` is not what it was, or None if it is.

        What was none may become one.
        """
        try:
            copy = working_copy(folder)
            if copy is None:
                return None
            first = self._first(folder, copy)
        except GitError as error:
            return f"cannot be trusted: {str(error).rstrip('.')}"
        return None if copy == first else self._difference(first, copy)

    def _first(self, folder: Path, copy: WorkingCopy) -> WorkingCopy:
        if self._copy is None:
            self._copy = copy
        if self._pins is not None and (self._kept_at is None or copy != self._copy):
            known = self._copy if self._kept_at is None else copy
            self._copy, self._kept_at = self._pins.first(folder, known)
        return self._copy

    def _difference(self, first: WorkingCopy, copy: WorkingCopy) -> str:
        way_out = "restart Butler" if self._kept_at is None else f"remove {self._kept_at}"
        return (
            f"belonged to {_in_words(first)} and now belongs to {_in_words(copy)}; "
            f"if that is as it should be, {way_out}"
        )


def working_copy(folder: Path) -> WorkingCopy | None:
    """Look at the disk: return the working copy in which ``folder`` lies; None if in none.

    Raises:
        GitError: What is at ``.git`` leads to a folder that does not lead back.
    """
    folder = folder.resolve()
    top = next((each for each in (folder, *folder.parents) if _is_there(each / ".git")), None)
    return None if top is None else _at(top)


def _in_words(copy: WorkingCopy) -> str:
    return f"{copy.top} (git folder {copy.git_folder})"


def text_of(path: Path, max_bytes: int = _MAX_BYTES) -> str:
    """Return what a plain file holds; nothing for all else: a pipe would be waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            return os.fsdecode(file.read(max_bytes))
    except OSError:
        return ""


def _at(top: Path) -> WorkingCopy | None:
    place = top / ".git"
    if place.is_symlink():
        raise GitError(f"{place} is a symbolic link, and could lead anywhere.")
    if place.is_dir():
        return WorkingCopy(top, place, place)
    named = text_of(place).partition("\n")[0]
    if not named.startswith("gitdir: "):
        return None
    git_folder = (top / named.removeprefix("gitdir: ")).resolve()
    common = (git_folder / (text_of(git_folder / "commondir").strip() or ".")).resolve()
    if top not in _named_by(git_folder, common):
        raise GitError(
            f"{place} leads to {git_folder}, which does not lead back. If that is as it should be: "
            f"git worktree repair, or git config --file {git_folder}/config core.worktree {top}"
        )
    return WorkingCopy(top, git_folder, common)


def _named_by(git_folder: Path, common: Path) -> Iterator[Path]:
    """Yield the working copies that a git folder says are its own."""
    if git_folder == common:
        for value in _WORKTREE.findall(text_of(git_folder / "config")):
            yield (git_folder / value.strip('"')).resolve()
    elif git_folder.parent == common / "worktrees":
        back = text_of(git_folder / "gitdir").strip()
        yield (git_folder / back).parent.resolve()


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:
        return False
    return True
