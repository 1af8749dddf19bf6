"""What a working copy brings for coding agents, by which it could have them run programs."""

import os
from pathlib import Path

_NAMES = (
    *(".claude", ".mcp.json", ".gemini", ".codex"),
    *(".opencode", "opencode.json", "opencode.jsonc", ".cursor"),
)


def settings_for_agents(folder: Path) -> list[str]:
    """Look at the disk: name the settings for agents in ``folder``, and the hooks of git."""
    names = [name for name in _NAMES if os.path.lexists(folder / name)]
    hooks = sorted(_hooks(folder / ".git" / "hooks"))
    return [*names, *(f".git/hooks/{name}" for name in hooks)]


def _hooks(folder: Path) -> list[str]:
    try:
        return [
            each.name
            for each in os.scandir(folder)
            if not each.name.endswith(".sample") and os.access(each.path, os.X_OK)
        ]
    except OSError:
        return []
