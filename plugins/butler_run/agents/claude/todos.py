"""Claude's to-do list, which it keeps with tools."""

import re
from collections.abc import Mapping
from typing import Any

from butler_run.agents.events import Todo, Todos, TodoState
from butler_run.agents.todos import STATES, todo_of

WRITE, CREATE, UPDATE = "TodoWrite", "TaskCreate", "TaskUpdate"
TOOLS = frozenset({WRITE, CREATE, UPDATE})

_MOST = 200
_NUMBER = re.compile(r"#([0-9]{1,6})\b")


class TodoList:
    """Follows the calls of the to-do tools and their results."""

    def __init__(self) -> None:
        self._items: dict[str, Todo] = {}
        self._created: dict[str, str] = {}

    def called(self, call_id: str, tool: str, tool_input: Mapping[str, Any]) -> Todos | None:
        """Return the list after a call; None if that does not change it yet."""
        match tool, tool_input:
            case "TodoWrite", {"todos": list(todos)}:
                found = [todo_of(each) for each in todos[:_MOST]]
                self._items = {str(n): each for n, each in enumerate(found) if each is not None}
            case "TaskCreate", {"subject": str(subject)} if len(self._created) < _MOST:
                self._created[call_id] = subject
                return None
            case "TaskUpdate", {"taskId": str(id)} if id in self._items:
                self._update(id, tool_input)
            case _:
                return None
        return self._list()

    def returned(self, call_id: str, text: str) -> Todos | None:
        """Return the list after the result of a call; None if that does not change it."""
        subject = self._created.pop(call_id, None)
        number = _NUMBER.search(text[:1_000])
        if subject is None or number is None:
            return None
        self._items[number[1]] = Todo(subject, TodoState.PENDING)
        return self._list()

    def _update(self, task_id: str, tool_input: Mapping[str, Any]) -> None:
        item, state = self._items[task_id], tool_input.get("status")
        if state == "deleted":
            del self._items[task_id]
            return
        subject = tool_input.get("subject")
        text = subject if isinstance(subject, str) else item.text
        self._items[task_id] = Todo(text, STATES.get(str(state), item.state))

    def _list(self) -> Todos:
        return Todos(tuple(self._items.values()))
