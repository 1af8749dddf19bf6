"""The git repository of a working copy."""

import os
from dataclasses import dataclass
from pathlib import Path

from butler import GitError, run_git


@dataclass(frozen=True, slots=True)
class Repository:
    """The places of a repository, and its last commit if there is one."""

    top: Path
    git_folder: Path
    objects: Path
    exclude: Path
    object_format: str
    head: str | None

    @staticmethod
    async def at(folder: Path) -> "Repository":
        """Ask git for the repository in which ``folder`` lies.

        Raises:
            GitError: There is none, or none that can be kept.
        """
        places = await run_git(
            folder,
            *("rev-parse", "--path-format=absolute", "--show-toplevel", "--absolute-git-dir"),
            *("--git-path", "objects", "--git-path", "info/exclude", "--show-object-format"),
            *("--revs-only", "HEAD"),
        )
        lines = os.fsdecode(places).removesuffix("\n").split("\n")
        if len(lines) not in {5, 6}:
            raise GitError(
                "The name of the folder contains a line break, so it cannot have snapshots."
            )
        top, git_folder, objects, exclude = map(Path, lines[:4])
        return Repository(top, git_folder, objects, exclude, lines[4], next(iter(lines[5:]), None))
