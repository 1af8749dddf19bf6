"""What a project asks of agents: handed on as text to those that do not read it themselves."""

import os
import stat
from contextlib import suppress
from pathlib import Path

MAX_BYTES = 64_000
_NAMES = ("AGENTS.md", "CLAUDE.md", ".claude/CLAUDE.md")


def instructions(folder: Path) -> str:
    """Look at the disk: return what the files for agents in ``folder`` say, each under its name."""
    found = {name: text for name in _NAMES if (text := _text(folder / name))}
    return "\n\n".join(f"{name} of this project says:\n{text}" for name, text in found.items())


def _text(path: Path) -> str:
    """Return the text of a file, nothing if there is none; links lead to who knows where."""
    if path.parent.is_symlink():
        return ""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return file.read(MAX_BYTES).decode(errors="replace").strip()
    return ""
