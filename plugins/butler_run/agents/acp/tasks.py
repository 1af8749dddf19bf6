"""What works beside an agent, as far as its tool calls tell."""

from collections.abc import Iterator
from typing import Any

from butler_run.agents.events import Tasks
from butler_run.agents.text import on_one_line

_SUB_AGENTS = frozenset({"Agent", "Task"})
_OVER = frozenset({"completed", "failed"})
_MOST = 50
_TITLE_LENGTH = 80


class TaskList:
    """Counts other agents while their tool call lasts, and keeps commands left in background."""

    def __init__(self) -> None:
        self._sub_agents: set[str] = set()
        self._background: dict[str, str] = {}

    def changed_by(
        self, tool_id: str, tool: dict[str, Any], update: dict[str, Any]
    ) -> Iterator[Tasks]:
        """Yield what there is now, if an update of a tool call changes it."""
        before = (len(self._sub_agents), len(self._background))
        is_over = update.get("status") in _OVER
        if _name(tool) in _SUB_AGENTS:
            self._sub_agents.add(tool_id)
        if is_over:
            self._sub_agents.discard(tool_id)
        match tool.get("rawInput"):
            case {"run_in_background": True, "command": str(command)}:
                if update.get("status") == "failed":
                    self._background.pop(tool_id, None)
                elif len(self._background) < _MOST:
                    self._background[tool_id] = on_one_line(command, _TITLE_LENGTH)
        if before != (len(self._sub_agents), len(self._background)):
            yield Tasks(len(self._sub_agents), tuple(self._background.values()))


def _name(tool: dict[str, Any]) -> str:
    match tool:
        case {"_meta": {"claudeCode": {"toolName": str(name)}}}:
            return name
    return ""
