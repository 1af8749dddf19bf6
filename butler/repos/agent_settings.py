"""What a working copy brings that would have coding agents, or git, run programs."""

import os
from dataclasses import dataclass
from pathlib import Path

from butler.errors import GitError
from butler.repos.working_copy import working_copy

_NAMES = (
    *(".claude", ".mcp.json", ".gemini", ".codex"),
    *(".opencode", "opencode.json", "opencode.jsonc", ".cursor"),
)


@dataclass(frozen=True, slots=True)
class Brought:
    """What was found.

    Attributes:
        settings: Files and folders that agents take settings, tools and hooks from.
        hooks: The hooks that git runs.
    """

    settings: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()


def brought_by(folder: Path) -> Brought:
    """Check the disk; return what is in ``folder``, and in the git folder it belongs to."""
    settings = tuple(name for name in _NAMES if os.path.lexists(folder / name))
    return Brought(settings, tuple(sorted(_hooks(folder))))


def _hooks(folder: Path) -> list[str]:
    try:
        copy = working_copy(folder)
        if copy is None:
            return []
        return [
            each.name
            for each in os.scandir(copy.common_folder / "hooks")
            if not each.name.endswith(".sample") and os.access(each.path, os.X_OK)
        ]
    except (GitError, OSError):
        return []
