"""Finds the working copy of a repo; repos in the same one must take turns."""

from collections.abc import Iterator
from pathlib import Path

from butler import Repo


def working_copy(repo: Repo) -> Path:
    """Check the disk; return the working copy that contains a repo, else the repo's folder.

    Raises:
        UserError: The folder of the repo cannot be used.
    """
    repo.check_usable()
    folder = repo.path.resolve()
    return next(_copies_around(folder), folder)


def has_git(folder: Path) -> bool:
    """Check the disk; return whether a folder is inside a git working copy."""
    return any(_copies_around(folder.resolve()))


def _copies_around(folder: Path) -> Iterator[Path]:
    return (each for each in (folder, *folder.parents) if _is_copy(each))


def _is_copy(folder: Path) -> bool:
    try:
        return (folder / ".git").exists()
    except OSError:
        return False
