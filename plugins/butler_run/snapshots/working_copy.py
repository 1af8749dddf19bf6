"""Which repos are in each other's way: those that lie in the same working copy."""

from collections.abc import Iterator
from pathlib import Path

from butler import Repo


def working_copy(repo: Repo) -> Path:
    """Look at the disk: return the working copy in which a repo lies; its folder if in none.

    Raises:
        UserError: The folder of the repo cannot be used.
    """
    repo.check_usable()
    folder = repo.path.resolve()
    return next(_copies_around(folder), folder)


def has_git(folder: Path) -> bool:
    """Look at the disk: return whether a folder lies in a working copy of git."""
    return any(_copies_around(folder.resolve()))


def _copies_around(folder: Path) -> Iterator[Path]:
    return (each for each in (folder, *folder.parents) if _is_copy(each))


def _is_copy(folder: Path) -> bool:
    try:
        return (folder / ".git").exists()
    except OSError:
        return False
