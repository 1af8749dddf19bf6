"""Which repos are in each other's way: those that lie in the same working copy."""

from pathlib import Path

from butler import Repo


def working_copy(repo: Repo) -> Path:
    """Look at the disk: return the working copy in which a repo lies; its folder if in none.

    Raises:
        UserError: The folder of the repo cannot be used.
    """
    repo.check_usable()
    folder = repo.path.resolve()
    return next((each for each in (folder, *folder.parents) if _has_git(each)), folder)


def _has_git(folder: Path) -> bool:
    try:
        return (folder / ".git").exists()
    except OSError:
        return False
