"""The conversations that Claude Code keeps of a folder."""

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from butler_run.agents.agent import LONGEST_TITLE, Past
from butler_run.agents.conversation_ids import usable
from butler_run.agents.text import on_one_line

MOST = 20
ALIVE_S = 15 * 60.0
"""How long ago a conversation may have changed that another process may still write to."""

_MAX_BYTES = 256_000
_MAX_LINES = 200


def spelled(folder: Path) -> str:
    """Return how Claude Code spells a folder in the names of its own."""
    return re.sub(r"[^A-Za-z0-9]", "-", str(folder))


def conversations(folder: Path, environment: Mapping[str, str]) -> tuple[Past, ...]:
    """Look at the disk: return the newest conversations of a folder, newest first."""
    config = _config(environment)
    dated = sorted(_dated(config / "projects" / spelled(folder)), reverse=True)[:MOST]
    alive = claude_sessions(config / "sessions")
    now = time.time()
    return tuple(
        Past(
            path.stem,
            title,
            changed_at,
            may_be_alive=path.stem in alive or now - changed_at < ALIVE_S,
        )
        for changed_at, path in dated
        if (title := _title(path))
    )


def _config(environment: Mapping[str, str]) -> Path:
    if own := environment.get("CLAUDE_CONFIG_DIR"):
        return Path(own)
    return Path(environment.get("HOME", str(Path.home()))) / ".claude"


def _dated(folder: Path) -> Iterator[tuple[float, Path]]:
    with suppress(OSError):
        for path in folder.iterdir():
            if path.suffix == ".jsonl" and usable(path.stem) and not path.is_symlink():
                with suppress(OSError):
                    yield path.stat().st_mtime, path


def claude_sessions(folder: Path) -> set[str]:
    """Return the ids of the conversations that running processes have open."""
    found: set[str] = set()
    with suppress(OSError):
        for path in islice(folder.glob("*.json"), 1_000):
            if path.stem.isdecimal() and Path("/proc", path.stem).exists():
                found |= set(_session_ids(path))
    return found


def _session_ids(path: Path) -> Iterator[str]:
    with suppress(OSError, ValueError, RecursionError):
        session = json.loads(path.read_bytes()[:_MAX_BYTES])
        if isinstance(session, dict) and isinstance(session.get("sessionId"), str):
            yield session["sessionId"]


def _title(path: Path) -> str:
    """Return the first words of a person in a transcript; empty if there are none."""
    for row in _rows(path):
        match row:
            case {"type": "user", "message": {"content": content}} if not row.get("isMeta"):
                if text := next(_said(content), ""):
                    return on_one_line(text, LONGEST_TITLE)
    return ""


def _rows(path: Path) -> Iterator[dict[str, object]]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    with os.fdopen(descriptor, "rb") as file:
        for line in islice(file.read(_MAX_BYTES).splitlines(), _MAX_LINES):
            with suppress(ValueError, RecursionError):
                row = json.loads(line)
                if isinstance(row, dict):
                    yield row


def _said(content: object) -> Iterator[str]:
    """Yield the texts of a message that are not Claude Code's own, which are in tags."""
    texts: Iterable[object] = content if isinstance(content, list) else [content]
    for each in texts:
        text = each.get("text") if isinstance(each, dict) else each
        if isinstance(text, str) and text.strip() and not text.lstrip().startswith("<"):
            yield text
