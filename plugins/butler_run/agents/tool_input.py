"""What a tool would do, from what the agent says about it."""

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from butler_run.agents.agent import Change, Option, OptionKind
from butler_run.agents.text import on_one_line

_MAX_DETAIL = 2000
_ORDER = (OptionKind.ALLOW_ONCE, OptionKind.ALLOW_ALWAYS, OptionKind.REJECT)
_TOLD_OTHERWISE = frozenset(
    {"command", "file_path", "notebook_path", "content", "old_string", "new_string", "edits"}
)


def numbered(options: Iterable[tuple[str, str, OptionKind]]) -> tuple[Option, ...]:
    """Return options of (id, label, kind): allow first, then always allow, then reject."""
    ordered = sorted(options, key=lambda option: _ORDER.index(option[2]))
    return tuple(Option(number, *option) for number, option in enumerate(ordered, start=1))


def command_of(tool_input: Mapping[str, Any]) -> str | None:
    """Return the command line that the tool would run, if it would run one."""
    command = tool_input.get("command")
    if isinstance(command, list):
        return shlex.join(str(word) for word in command)
    return command if isinstance(command, str) else None


def changes_of(tool_input: Mapping[str, Any], folder: Path) -> tuple[Change, ...]:
    """Return what a tool of Claude's would do to files."""
    path = tool_input.get("file_path") or tool_input.get("notebook_path")
    if not isinstance(path, str):
        return ()
    edits = tool_input.get("edits", [tool_input])
    shown = relative(path, folder)
    return tuple(_change(shown, edit) for edit in edits if isinstance(edit, dict))


def detail_of(tool_input: Mapping[str, Any]) -> str:
    """Return what else there is to know about the input."""
    rest = {key: value for key, value in tool_input.items() if key not in _TOLD_OTHERWISE}
    if set(rest) == {"description"}:
        return on_one_line(str(rest["description"]), _MAX_DETAIL)
    return on_one_line(json.dumps(rest, ensure_ascii=False), _MAX_DETAIL) if rest else ""


def relative(path: str, folder: Path) -> str:
    """Return ``path`` as seen from ``folder`` if it lies in there."""
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path


def _change(path: str, edit: Mapping[str, Any]) -> Change:
    old = edit.get("old_string")
    new = edit.get("new_string", edit.get("content", edit.get("new_source", "")))
    return Change(path, old if isinstance(old, str) else None, str(new))
