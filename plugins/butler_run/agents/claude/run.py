"""A run of Claude Code's own command."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from butler_run.agents.agent import Offer, PromptFile
from butler_run.agents.base import Patience, ProcessRun
from butler_run.agents.claude.asked import PLAN, decided, fields_of, filled
from butler_run.agents.claude.messages import (
    ALLOW,
    INITIALIZE,
    REJECT,
    complaint,
    context_size,
    decision,
    file_blocks,
    initialization,
    input_of,
    tasks_of,
    tokens_in,
)
from butler_run.agents.claude.offers import offer_of
from butler_run.agents.claude.todos import TOOLS, TodoList
from butler_run.agents.complaints import is_error_alone, is_too_long, limit_sentence
from butler_run.agents.conversation_ids import usable
from butler_run.agents.delays import delay_of_claude
from butler_run.agents.embedded import embedded
from butler_run.agents.errors import AgentError, ConversationLostError
from butler_run.agents.events import (
    Decision,
    Event,
    Finished,
    InputAsked,
    Mode,
    OptionKind,
    PermissionAsked,
    PlanProposed,
    Reason,
    Started,
    Text,
    Tool,
    Usage,
    UsageLimit,
    Value,
    Working,
)
from butler_run.agents.process.json_lines import Messages
from butler_run.agents.process.process import AgentProcess
from butler_run.agents.restated import Restated
from butler_run.agents.slash_commands import announced
from butler_run.agents.text import coalesced, on_one_line
from butler_run.agents.tool_input import changes_of, command_of, detail_of, numbered, relative
from butler_run.agents.usage_limits import limit_in, limit_of_claude

MODES = {
    Mode.ASK: "default",
    Mode.EDITS: "acceptEdits",
    Mode.PLAN: "plan",
    Mode.BYPASS: "bypassPermissions",
}
_PLANS = "/.claude/plans/"
_RATE_LIMITED = 429


async def initialized(process: AgentProcess, limit_s: float) -> Offer:
    """Initialize a process that gets no prompt; return what it offers.

    Raises:
        AgentError: It did not answer.
    """
    messages = Messages(process)
    request = {"subtype": "initialize"}
    _send(process, {"type": "control_request", "request_id": INITIALIZE, "request": request})
    try:
        async with asyncio.timeout(limit_s):
            async for several in messages:
                for message in several:
                    if (response := initialization(message)) is not None:
                        return offer_of(response)
    except TimeoutError:
        raise messages.not_started(limit_s) from None
    epitaph = await messages.epitaph()
    raise messages.known(epitaph) or AgentError(epitaph)


_LOST = re.compile(r"no conversation found|valid session id|--resume", re.IGNORECASE)


class ClaudeRun(ProcessRun):
    """A run: one prompt to one process."""

    def __init__(
        self, process: AgentProcess, patience: Patience, folder: Path, *, is_resumed: bool
    ) -> None:
        super().__init__(process, patience)
        self._folder = folder
        self._is_resumed = is_resumed
        self._messages = Messages(process)
        self._requests: dict[str, dict[str, Any]] = {}
        self._titles: dict[str, str] = {}
        self._commands: list[Any] = []
        self._answer = Restated()
        self._has_text = False
        self._todos = TodoList()
        self._plan = ""
        self._limit: UsageLimit | None = None
        self._context_tokens: int | None = None

    def prompt(self, *texts: str, files: Iterable[PromptFile] = ()) -> None:
        """Send the prompt, the last of ``texts``, with the texts before it and its files."""
        self._control(INITIALIZE, {"subtype": "initialize"})
        content = [*file_blocks(files), *({"type": "text", "text": text} for text in texts)]
        self._send({"type": "user", "message": {"role": "user", "content": content}})

    async def _events(self) -> AsyncIterator[Event]:
        reading = aiter(self._messages)
        try:
            async with asyncio.timeout(self._patience.start_s):
                first = await self._first(reading)
        except TimeoutError:
            raise self._messages.not_started(self._patience.start_s) from None
        for event in coalesced(self._told(first)):
            yield event
        try:
            while not self._is_turn_over.is_set():
                for event in coalesced(self._told(await anext(reading))):
                    yield event
        except StopAsyncIteration:
            yield await self._broken_off()

    async def _first(self, reading: AsyncIterator[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Return the first messages, starting with the outcome of the start."""
        async for messages in reading:
            for number, message in enumerate(messages):
                is_init = message.get("type") == "system" and message.get("subtype") == "init"
                if is_init or message.get("type") in {"result", "control_request"}:
                    return messages[number:]
                self._note_commands(message)
        return []

    def _told(self, messages: Iterable[dict[str, Any]]) -> Iterator[Event]:
        """Translate messages to events, up to the one that ends the turn."""
        for message in messages:
            yield from self._events_of(message)
            if message.get("type") == "result":
                return

    def _events_of(self, message: dict[str, Any]) -> Iterator[Event]:
        match message:
            case {"type": "system"}:
                yield from self._told_by_system(message)
            case {"type": "assistant", "error": str()}:
                yield Working()  # the result says it again
            case {"type": "assistant" | "user", "parent_tool_use_id": str()}:
                yield Working()  # what other agents do is counted, not streamed
            case {"type": "assistant", "message": {"content": list(blocks)}}:
                self._note_context(message["message"].get("usage"))
                yield from self._said(blocks)
            case {"type": "user", "message": {"content": list(blocks)}}:
                yield from self._tool_results(blocks)
            case {"type": "rate_limit_event"}:
                yield self._limited(message.get("rate_limit_info"))
            case {"type": "control_request", "request_id": str(id), "request": dict(request)}:
                yield from self._requested(id, request)
            case {"type": "result"}:
                yield from self._ended(message)
            case _:
                yield Working()

    def _told_by_system(self, message: dict[str, Any]) -> Iterator[Event]:
        match message:
            case {"subtype": "init", "session_id": str(conversation_id)}:
                yield Started(usable(conversation_id))
                yield from self._announced(message.get("slash_commands"))
            case {"subtype": "api_retry"}:
                self._messages.check_retry(message)
                yield delay_of_claude(message)
            case {"subtype": "background_tasks_changed", "tasks": list(tasks)}:
                yield tasks_of(tasks)
            case _:
                yield Working()

    def _note_commands(self, message: dict[str, Any]) -> None:
        """Note the slash commands in the answer to ``initialize``; it describes them."""
        match initialization(message):
            case {"commands": list(offers)}:
                self._commands = offers

    def _note_context(self, usage: object) -> None:
        if isinstance(usage, dict) and (tokens := tokens_in(usage)):
            self._context_tokens = tokens

    def _limited(self, info: object) -> Event:
        limit = limit_of_claude(info)
        if limit is not None and limit.is_reached:
            self._limit = limit
        return limit or Working()

    def _announced(self, names: object) -> Iterator[Event]:
        """Yield the slash commands; ``names`` are those that this conversation adds."""
        offers = [*self._commands, *(names if isinstance(names, list) else ())]
        if offers:
            yield announced(offers)

    def _said(self, blocks: list[Any]) -> Iterator[Event]:
        for block in blocks:
            match block:
                case {"type": "text", "text": str(text)} if text:
                    yield from self._texts(text)
                    self._plan = text
                case {"type": "image" | "document"}:
                    yield from embedded(block)
                case {"type": "tool_use", "id": str(id), "name": str(name)} if name in TOOLS:
                    yield self._todos.called(id, name, input_of(block)) or Working()
                case {"type": "tool_use", "id": str(id), "name": str(name)}:
                    self._note_plan(name, input_of(block))
                    self._titles[id] = self._title(name, input_of(block))
                    self._answer.end_section()
                    yield Tool(id, self._titles[id])
                case _:
                    yield Working()

    def _texts(self, text: str) -> Iterator[Event]:
        if self._answer.is_all_of(text):
            yield Working()
            return
        yield Text(f"\n\n{text}" if self._has_text else text)
        self._answer.add(text)
        self._has_text = True

    def _note_plan(self, name: str, tool_input: Mapping[str, Any]) -> None:
        """Note a plan, which the request for its approval does not repeat."""
        match tool_input:
            case {"plan": str(plan)} if name == PLAN and plan:
                self._plan = plan
            case {"file_path": str(path), "content": str(plan)} if _PLANS in path:
                self._plan = plan

    def _tool_results(self, blocks: list[Any]) -> Iterator[Event]:
        for block in blocks:
            match block:
                case {"type": "tool_result", "tool_use_id": str(id)} if id not in self._titles:
                    yield self._todos.returned(id, str(block.get("content"))) or Working()
                case {"type": "tool_result", "tool_use_id": str(id)}:
                    is_failed = bool(block.get("is_error"))
                    title = self._titles.pop(id)
                    yield Tool(id, title, is_finished=True, is_failed=is_failed)
                case _:
                    yield Working()

    def _requested(self, request_id: str, request: dict[str, Any]) -> Iterator[Event]:
        if request.get("subtype") != "can_use_tool":
            error = {"subtype": "error", "request_id": request_id, "error": "not supported"}
            self._send({"type": "control_response", "response": error})
            return
        tool_input = input_of(request)
        self._requests[request_id] = request
        match request.get("tool_name"):
            case "AskUserQuestion" if fields := fields_of(tool_input):
                yield InputAsked(request_id, fields)
            case "ExitPlanMode":
                plan = tool_input.get("plan")
                yield PlanProposed(
                    request_id, plan if isinstance(plan, str) and plan else self._plan
                )
            case _:
                yield self._permission(request_id, request)

    def _permission(self, request_id: str, request: dict[str, Any]) -> PermissionAsked:
        tool_input = input_of(request)
        name = str(request.get("display_name") or request.get("tool_name") or "a tool")
        options = [(ALLOW, "allow", OptionKind.ALLOW_ONCE), (REJECT, "reject", OptionKind.REJECT)]
        return PermissionAsked(
            request_id,
            self._title(name, tool_input),
            command_of(tool_input),
            changes_of(tool_input, self._folder),
            detail_of(tool_input),
            numbered(options),
        )

    def _title(self, name: str, tool_input: Mapping[str, Any]) -> str:
        target = next(
            (tool_input[key] for key in ("file_path", "path", "command") if key in tool_input), ""
        )
        return on_one_line(f"{name} {relative(str(target), self._folder)}", 80)

    def _ended(self, result: dict[str, Any]) -> Iterator[Event]:
        yield self._usage(result)
        subtype, said = result.get("subtype"), complaint(result)
        if subtype == "error_max_turns":
            yield Finished(Reason.CUT_SHORT, "The agent reached its turn limit.")
        elif _is_well(result):
            yield from self._said_at_last(result.get("result"))
            yield Finished(Reason.DONE)
        elif limit := self._limit_reached(result, said):
            yield Finished(Reason.LIMITED, limit_sentence(self._process.name, limit), limit=limit)
        elif result.get("terminal_reason") == "prompt_too_long" or is_too_long(said):
            yield Finished(Reason.TOO_LONG)
        else:
            yield self._failed(said)

    def _limit_reached(self, result: Mapping[str, Any], said: str) -> UsageLimit | None:
        is_certain = result.get("api_error_status") == _RATE_LIMITED
        return self._limit or limit_in(said, result, is_certain=is_certain)

    def _usage(self, result: Mapping[str, Any]) -> Usage:
        counts, cost = result.get("usage"), result.get("total_cost_usd")
        return Usage(
            tokens_in(counts) if isinstance(counts, dict) else 0,
            float(cost) if isinstance(cost, int | float) else None,
            self._context_tokens,
            context_size(result.get("modelUsage")),
        )

    def _said_at_last(self, text: object) -> Iterator[Event]:
        """Yield the text of a result, unless it has already been streamed."""
        if isinstance(text, str) and not self._answer.has_part(text):
            yield from self._texts(text)

    def _failed(self, said: str) -> Finished:
        if self._is_cancelled:
            return Finished(Reason.CANCELLED)
        if self._is_resumed and _LOST.search(said):
            raise ConversationLostError(f"{self._process.name} lost the conversation: {said}.")
        if known := self._messages.known(said):
            raise known
        return Finished(Reason.FAILED, f"{self._process.name} failed: {said or 'no reason given'}.")

    async def _broken_off(self) -> Finished:
        if self._is_cancelled:
            return Finished(Reason.CANCELLED)
        epitaph = await self._messages.epitaph()
        self._failed(epitaph.rstrip("."))
        raise AgentError(epitaph)

    def _reply(self, permission_id: str, option_id: str | None) -> None:
        self._respond(permission_id, decision(self._requests[permission_id], option_id))

    def _fill(self, input_id: str, values: Mapping[str, Value] | None, note: str) -> None:
        self._respond(input_id, filled(input_of(self._requests[input_id]), values, note))

    def _decide(self, plan_id: str, decision: Decision, reason: str) -> None:
        self._respond(plan_id, decided(input_of(self._requests[plan_id]), decision, reason))

    def _respond(self, request_id: str, decision: dict[str, Any]) -> None:
        del self._requests[request_id]
        response = {"subtype": "success", "request_id": request_id, "response": decision}
        self._send({"type": "control_response", "response": response})

    def _ask_to_stop(self) -> bool:
        self._control("stop", {"subtype": "interrupt"})
        return True

    def _control(self, request_id: str, request: dict[str, Any]) -> None:
        self._send({"type": "control_request", "request_id": request_id, "request": request})

    def _send(self, message: dict[str, Any]) -> None:
        _send(self._process, message)


def _send(process: AgentProcess, message: dict[str, Any]) -> None:
    process.write(json.dumps(message).encode() + b"\n")


def _is_well(result: Mapping[str, Any]) -> bool:
    is_success = result.get("subtype") == "success" and not result.get("is_error")
    return is_success and not is_error_alone(str(result.get("result") or ""))
