"""Translate updates of the Agent Client Protocol to events."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from butler_run.agents.acp.tasks import TaskList
from butler_run.agents.embedded import embedded
from butler_run.agents.events import (
    Change,
    CommandsAnnounced,
    Event,
    Option,
    OptionKind,
    PermissionAsked,
    PlanProposed,
    Text,
    Todos,
    Tool,
    Usage,
    UsageLimit,
    Working,
)
from butler_run.agents.restated import Restated
from butler_run.agents.slash_commands import announced
from butler_run.agents.text import on_one_line
from butler_run.agents.todos import todo_of
from butler_run.agents.tool_input import changes_of, command_of, detail_of, numbered, relative
from butler_run.agents.usage_limits import limit_of_claude

_KINDS = {
    "allow_once": OptionKind.ALLOW_ONCE,
    "allow_always": OptionKind.ALLOW_ALWAYS,
    "reject_once": OptionKind.REJECT,
    "reject_always": OptionKind.REJECT,
}
_OVER = {"completed": False, "failed": True}
_MOST_TODOS = 200
_TITLE_LENGTH = 80
_LABEL_LENGTH = 60

Params = dict[str, Any]


class Updates:
    """Translates, and remembers running tools, because a question may have only a tool's id.

    Attributes:
        cost_usd: The cost so far, if the agent reports it.
        commands: The agent's slash commands, once it has announced them.
        context_tokens: The size of the conversation, if the agent reports it.
        context_size: The most that fits into it.
        limit: The usage limit that was reached, if one was.
        plan_options: The answers that the agent offers to its open plans.
    """

    def __init__(self, folder: Path) -> None:
        self.cost_usd: float | None = None
        self.commands: CommandsAnnounced | None = None
        self.context_tokens: int | None = None
        self.context_size: int | None = None
        self.limit: UsageLimit | None = None
        self.plan_options: dict[str, tuple[Option, ...]] = {}
        self._folder = folder
        self._tasks = TaskList()
        self._tools: dict[str, Params] = {}
        self._has_text = False
        self._said = Restated()
        self._is_new_paragraph = False

    def events(self, update: Params) -> Iterator[Event]:
        """Translate ``update`` to events, at least a sign of life."""
        match update:
            case {"_meta": {"claudeCode": {"parentToolUseId": str()}}}:
                yield Working()  # what other agents do is counted, not streamed
            case {
                "sessionUpdate": "agent_message_chunk",
                "content": {"type": "text", "text": str(text)},
            } if text:
                yield from self._text(text)
            case {"sessionUpdate": "agent_message_chunk", "content": dict(content)}:
                yield from self._embedded(content)
            case {"sessionUpdate": "tool_call" | "tool_call_update", "toolCallId": str(id)}:
                yield self._tool(id, update)
                yield from self._tasks.changed_by(id, self._tools.get(id, update), update)
            case {"sessionUpdate": "plan", "entries": list(entries)}:
                found = (todo_of(each) for each in entries[:_MOST_TODOS])
                yield Todos(tuple(each for each in found if each is not None))
            case {"sessionUpdate": "usage_update", "used": int(tokens)}:
                self._note_cost(update.get("cost"))
                self._note_context(tokens, update.get("size"))
                yield from self._limits_in(update)
                yield Usage(tokens, self.cost_usd, self.context_tokens, self.context_size)
            case {"sessionUpdate": "available_commands_update"}:
                self.note_commands(update)
                yield self.commands or Working()
            case _:
                yield Working()

    def note_commands(self, update: Params) -> None:
        """Note the slash commands in ``update``, if it announces any; say nothing."""
        match update:
            case {"sessionUpdate": "available_commands_update", "availableCommands": list(offers)}:
                self.commands = announced(offers)

    def _note_context(self, tokens: int, size: object) -> None:
        self.context_tokens = tokens
        self.context_size = size if isinstance(size, int) else None

    def _limits_in(self, update: Params) -> Iterator[Event]:
        match update:
            case {"_meta": {"_claude/rateLimit": info}}:
                if (limit := limit_of_claude(info)) is not None:
                    self.limit = limit if limit.is_reached else self.limit
                    yield limit

    def last_words(self) -> str:
        """Return what was said since the last tool."""
        return "" if self._is_new_paragraph else self._said.last_section()

    def begin_turn(self) -> None:
        """Begin a new paragraph with the next text, as another prompt is answered."""
        self._is_new_paragraph = True

    def question(self, question_id: str, params: Params) -> PermissionAsked | PlanProposed:
        """Translate a request for permission to a question, one to go on with a plan to that."""
        call = params.get("toolCall")
        before = self._tools.get(str(call.get("toolCallId")), {}) if isinstance(call, dict) else {}
        tool = self._merged(call) if isinstance(call, dict) else {}
        # claude-agent-acp repeats the call without the plan.
        plan = _plan(tool) or _plan(before)
        if tool.get("kind") == "switch_mode" and plan and not _allows_more(tool, before):
            self.plan_options[question_id] = numbered(_options(params.get("options")))
            return PlanProposed(question_id, plan)
        tool_input = tool.get("rawInput")
        if not isinstance(tool_input, dict):
            tool_input = {} if tool_input is None else {"input": tool_input}
        changes = tuple(self._diffs(tool.get("content"))) or changes_of(tool_input, self._folder)
        return PermissionAsked(
            question_id,
            _title(tool),
            command_of(tool_input),
            changes,
            _detail(tool, tool_input),
            numbered(_options(params.get("options"))),
        )

    def _text(self, text: str) -> Iterator[Event]:
        if self._said.is_all_of(text):
            yield Working()
            return
        joint = "\n\n" if self._is_new_paragraph and self._has_text else ""
        if self._is_new_paragraph:
            self._said.end_section()
        self._has_text, self._is_new_paragraph = True, False
        self._said.add(text)
        yield Text(joint + text)

    def _embedded(self, content: Params) -> Iterator[Event]:
        is_known = False
        for event in embedded(content):
            is_known = True
            yield from self._text(event.text) if isinstance(event, Text) else (event,)
        if not is_known:
            yield Working()

    def _tool(self, tool_id: str, update: Params) -> Event:
        self._is_new_paragraph = True
        known = self._tools.get(tool_id)
        tool = self._merged(update)
        if (status := update.get("status")) in _OVER:
            self._tools.pop(tool_id, None)
            return Tool(tool_id, _title(tool), is_finished=True, is_failed=_OVER[status])
        if known is None or _title(known) != _title(tool):
            return Tool(tool_id, _title(tool))
        return Working()

    def _merged(self, call: Params) -> Params:
        tool_id = str(call.get("toolCallId"))
        news = {key: value for key, value in call.items() if value is not None}
        self._tools[tool_id] = self._tools.get(tool_id, {}) | news
        return self._tools[tool_id]

    def _note_cost(self, cost: Any) -> None:
        match cost:
            case {"currency": "USD", "amount": int() | float() as amount}:
                self.cost_usd = float(amount)

    def _diffs(self, content: Any) -> Iterator[Change]:
        for part in content if isinstance(content, list) else ():
            match part:
                case {"type": "diff", "path": str(path), "newText": str(new)}:
                    old = part.get("oldText")
                    shown = relative(path, self._folder)
                    yield Change(shown, old if isinstance(old, str) else None, new)


def _allows_more(*calls: Params) -> bool:
    """Return whether a plan asks for commands, too, that nobody would be asked about later."""
    inputs = [each.get("rawInput") for each in calls]
    return any(isinstance(each, dict) and each.get("allowedPrompts") for each in inputs)


def _plan(tool: Params) -> str:
    match tool:
        case {"rawInput": {"plan": str(plan)}} if plan:
            return plan
    return "\n".join(_texts(tool.get("content")))


def _title(tool: Params) -> str:
    return on_one_line(str(tool.get("title") or tool.get("kind") or "a tool"), _TITLE_LENGTH)


def _detail(tool: Params, tool_input: Params) -> str:
    """Return the description of the tool call besides command and changes.

    Some agents put all of it into the title or the content, without any input.
    """
    title = str(tool.get("title") or "")
    is_told = title.strip("`") == command_of(tool_input) or " ".join(title.split()) == _title(tool)
    parts = [] if is_told else [title]
    if not tool_input:
        parts += _texts(tool.get("content"))
    return "\n".join([*parts, *([detail_of(tool_input)] if tool_input else [])])


def _texts(content: Any) -> Iterator[str]:
    for part in content if isinstance(content, list) else ():
        match part:
            case {"type": "content", "content": {"type": "text", "text": str(text)}}:
                yield text


def _options(options: Any) -> Iterable[tuple[str, str, OptionKind]]:
    for option in options if isinstance(options, list) else ():
        match option:
            case {"optionId": str(id), "name": str(label), "kind": str(kind)} if kind in _KINDS:
                yield id, on_one_line(label, _LABEL_LENGTH), _KINDS[kind]
