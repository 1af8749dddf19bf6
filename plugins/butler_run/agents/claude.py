"""Claude Code's own command as an agent, for users without Node.

It speaks JSON lines both ways (``--output-format stream-json --input-format stream-json``) and asks
for permission on the same lines (``--permission-prompt-tool stdio``).
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from butler_run.agents.agent import (
    Event,
    Finished,
    Mode,
    OptionKind,
    PermissionAsked,
    Reason,
    Run,
    Started,
    Text,
    Tool,
    Usage,
    Working,
)
from butler_run.agents.base import Patience, ProcessRun
from butler_run.agents.errors import AgentError, ConversationLostError
from butler_run.agents.process.enclosure import UNENCLOSED, Enclosure
from butler_run.agents.process.json_lines import Messages
from butler_run.agents.process.process import AgentProcess, ProcessLimits, spawned
from butler_run.agents.slash_commands import announced
from butler_run.agents.text import coalesced, on_one_line
from butler_run.agents.tool_input import changes_of, command_of, detail_of, numbered, relative

HOW_TO_GET = "To get it: npm install -g @anthropic-ai/claude-code@2.1.197"

_STREAM_JSON = (
    *("-p", "--verbose", "--output-format", "stream-json", "--input-format", "stream-json"),
    *("--permission-prompt-tool", "stdio"),
)
_MODES = {
    Mode.ASK: "default",
    Mode.EDITS: "acceptEdits",
    Mode.PLAN: "plan",
    Mode.BYPASS: "bypassPermissions",
}
# Without it, a repo's .claude/settings.json can run hooks and grant itself any permission, and its
# .mcp.json can start servers, all without a question.
_USER_SETTINGS = ("--setting-sources", "user")
_ALLOW, _REJECT = "allow", "reject"
_INITIALIZE = "i1"
_LOST = re.compile(r"no conversation found|valid session id|--resume", re.IGNORECASE)


class ClaudeAgent:
    """Runs ``claude``, or a given command with the same protocol.

    Args:
        is_trusted: Load the settings of the working copy.
    """

    def __init__(
        self,
        command: Sequence[str] = ("claude",),
        limits: ProcessLimits | None = None,
        patience: Patience | None = None,
        *,
        is_trusted: bool = False,
    ) -> None:
        self._command = tuple(command)
        self._sources = () if is_trusted else _USER_SETTINGS
        self._limits = limits or ProcessLimits()
        self._patience = patience or Patience()

    @asynccontextmanager
    async def start(
        self,
        prompt: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        conversation_id: str | None = None,
        mode: Mode = Mode.ASK,
        instructions: str = "",
        enclosure: Enclosure = UNENCLOSED,
    ) -> AsyncIterator[Run]:
        """Start a run, see ``Agent``."""
        resume = () if conversation_id is None else (f"--resume={conversation_id}",)
        in_mode = ("--permission-mode", _MODES[mode])
        async with spawned(
            (*self._command, *_STREAM_JSON, *self._sources, *in_mode, *resume),
            folder=folder,
            environment=environment,
            limits=self._limits,
            how_to_get=HOW_TO_GET,
            enclosure=enclosure,
        ) as process:
            run = _ClaudeRun(process, self._patience, folder, is_resumed=bool(resume))
            run.prompt(*filter(None, (instructions,)), prompt)
            yield run


class _ClaudeRun(ProcessRun):
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
        self._has_text = False

    def prompt(self, *texts: str) -> None:
        """Send the prompt, the last of ``texts``, with the texts before it."""
        self._control(_INITIALIZE, {"subtype": "initialize"})
        content = [{"type": "text", "text": text} for text in texts]
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
            case {"type": "system", "subtype": "init", "session_id": str(conversation_id)}:
                yield Started(conversation_id)
                yield from self._announced(message.get("slash_commands"))
            case {"type": "assistant", "message": {"content": list(blocks)}}:
                yield from self._said(blocks, is_own=not message.get("parent_tool_use_id"))
            case {"type": "user", "message": {"content": list(blocks)}}:
                yield from self._tool_results(blocks)
            case {"type": "control_request", "request_id": str(id), "request": dict(request)}:
                yield from self._requested(id, request)
            case {"type": "result"}:
                yield from self._ended(message)
            case _:
                yield Working()

    def _note_commands(self, message: dict[str, Any]) -> None:
        """Note the slash commands in the answer to ``initialize``; it describes them."""
        match message:
            case {"response": {"request_id": str(id), "response": {"commands": list(offers)}}}:
                if id == _INITIALIZE:
                    self._commands = offers

    def _announced(self, names: object) -> Iterator[Event]:
        """Yield the slash commands; ``names`` are those that this conversation adds."""
        offers = [*self._commands, *(names if isinstance(names, list) else ())]
        if offers:
            yield announced(offers)

    def _said(self, blocks: list[Any], *, is_own: bool) -> Iterator[Event]:
        for block in blocks:
            match block:
                case {"type": "text", "text": str(text)} if is_own and text:
                    yield Text(f"\n\n{text}" if self._has_text else text)
                    self._has_text = True
                case {"type": "tool_use", "id": str(id), "name": str(name)}:
                    self._titles[id] = self._title(name, _input(block))
                    yield Tool(id, self._titles[id])
                case _:
                    yield Working()

    def _tool_results(self, blocks: list[Any]) -> Iterator[Event]:
        for block in blocks:
            match block:
                case {"type": "tool_result", "tool_use_id": str(id)}:
                    is_failed = bool(block.get("is_error"))
                    title = self._titles.pop(id, "")
                    yield Tool(id, title, is_finished=True, is_failed=is_failed)
                case _:
                    yield Working()

    def _requested(self, request_id: str, request: dict[str, Any]) -> Iterator[Event]:
        if request.get("subtype") != "can_use_tool":
            error = {"subtype": "error", "request_id": request_id, "error": "not supported"}
            self._send({"type": "control_response", "response": error})
            return
        tool_input = _input(request)
        name = str(request.get("display_name") or request.get("tool_name") or "a tool")
        options = [(_ALLOW, "allow", OptionKind.ALLOW_ONCE), (_REJECT, "reject", OptionKind.REJECT)]
        self._requests[request_id] = request
        yield PermissionAsked(
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
        yield _usage(result)
        subtype, said = result.get("subtype"), _complaint(result)
        if subtype == "error_max_turns":
            yield Finished(Reason.CUT_SHORT, "The agent reached its turn limit.")
        elif not result.get("is_error") and subtype == "success":
            yield from self._said_at_last(result.get("result"))
            yield Finished(Reason.DONE)
        else:
            yield self._failed(said)

    def _said_at_last(self, text: object) -> Iterator[Event]:
        """Yield the text of a result, unless it has already been streamed."""
        if isinstance(text, str) and text and not self._has_text:
            yield Text(text)

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
        request = self._requests.pop(permission_id)
        response = {
            "subtype": "success",
            "request_id": permission_id,
            "response": _decision(request, option_id),
        }
        self._send({"type": "control_response", "response": response})

    def _ask_to_stop(self) -> bool:
        self._control("stop", {"subtype": "interrupt"})
        return True

    def _control(self, request_id: str, request: dict[str, Any]) -> None:
        self._send({"type": "control_request", "request_id": request_id, "request": request})

    def _send(self, message: dict[str, Any]) -> None:
        self._process.write(json.dumps(message).encode() + b"\n")


def _input(holder: Mapping[str, Any]) -> dict[str, Any]:
    tool_input = holder.get("input")
    return tool_input if isinstance(tool_input, dict) else {}


def _decision(request: dict[str, Any], option_id: str | None) -> dict[str, Any]:
    if option_id is None:
        return {"behavior": "deny", "message": "The run was stopped.", "interrupt": True}
    if option_id == _REJECT:
        return {"behavior": "deny", "message": "The user said no."}
    return {"behavior": "allow", "updatedInput": _input(request)}


def _complaint(result: dict[str, Any]) -> str:
    said = result.get("result") or result.get("errors") or result.get("subtype") or ""
    return on_one_line("; ".join(map(str, said)) if isinstance(said, list) else str(said))


def _usage(result: dict[str, Any]) -> Usage:
    usage = result.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    tokens = sum(
        count for key, count in counts.items() if key.endswith("_tokens") and isinstance(count, int)
    )
    cost = result.get("total_cost_usd")
    return Usage(tokens, float(cost) if isinstance(cost, int | float) else None)
