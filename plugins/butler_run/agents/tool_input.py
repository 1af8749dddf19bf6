"""Extract commands and file changes from the input of a tool call."""

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from butler_run.agents.events import Change, Option, OptionKind

_ORDER = (OptionKind.ALLOW_ONCE, OptionKind.ALLOW_ALWAYS, OptionKind.REJECT)
_PATHS = ("file_path", "notebook_path")
_NEW = ("new_string", "content", "new_source")


def numbered(options: Iterable[tuple[str, str, OptionKind]]) -> tuple[Option, ...]:
    """Return options of (id, label, kind): allow first, then always allow, then reject."""
    ordered = sorted(options, key=lambda option: _ORDER.index(option[2]))
    return tuple(Option(number, *option) for number, option in enumerate(ordered, start=1))


def command_of(tool_input: Mapping[str, Any]) -> str | None:
    """Return the command line that the tool would run, or an empty text."""
    command = tool_input.get("command")
    if isinstance(command, list):
        return shlex.join(str(word) for word in command)
    return command if isinstance(command, str) else None


def changes_of(tool_input: Mapping[str, Any], folder: Path) -> tuple[Change, ...]:
    """Return the changes that a tool of Claude Code would make to files."""
    path = next((tool_input[key] for key in _PATHS if tool_input.get(key)), None)
    if not isinstance(path, str):
        return ()
    edits = tool_input.get("edits", [tool_input])
    shown = relative(path, folder)
    if not isinstance(edits, list):
        return ()
    return tuple(_change(shown, edit) for edit in edits if isinstance(edit, dict))


def detail_of(tool_input: Mapping[str, Any]) -> str:
    """Return the rest of the input besides command and changes, one key per line."""
    told = _told(tool_input)
    return "\n".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in tool_input.items()
        if key not in told
    )


def relative(path: str, folder: Path) -> str:
    """Return ``path`` relative to ``folder`` if it is inside."""
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path


def _told(tool_input: Mapping[str, Any]) -> set[str]:
    """Return the keys that a command or changes show in full."""
    told = {"command"} if command_of(tool_input) is not None else set()
    path = next((key for key in _PATHS if tool_input.get(key)), None)
    if path is None or not isinstance(tool_input[path], str):
        return told
    if "edits" not in tool_input:
        return told | {path, *_told_of_edit(tool_input)}
    edits = tool_input["edits"]
    is_told = isinstance(edits, list) and all(
        isinstance(edit, dict) and _told_of_edit(edit) == set(edit) for edit in edits
    )
    return told | ({path, "edits"} if is_told else set())


def _told_of_edit(edit: Mapping[str, Any]) -> set[str]:
    new = next((key for key in _NEW if key in edit), None)
    return {key for key in ("old_string", new) if key and isinstance(edit.get(key), str)}


def _change(path: str, edit: Mapping[str, Any]) -> Change:
    old = edit.get("old_string")
    new = next((edit[key] for key in _NEW if key in edit), "")
    return Change(path, old if isinstance(old, str) else None, str(new))
