"""A scripted agent that speaks the Agent Client Protocol.

``python -m butler.testing.agents.acp SCRIPT.json``
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from butler.testing.agents.messages import Message, api_retry, encoded, receive, send
from butler.testing.agents.script import (
    Player,
    Script,
    TurnCancelledError,
    TurnFailedError,
    TurnFinishedError,
    TurnLimitedError,
    TurnTooLongError,
)

_INTERNAL_ERROR = -32603
_INVALID_PARAMS = -32602
_AUTH_REQUIRED = -32000
_OPENING = frozenset({"session_new", "session_load", "session_resume"})
_OPTIONS = [
    {"optionId": "always", "name": "Always allow", "kind": "allow_always"},
    {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
    {"optionId": "no", "name": "Reject", "kind": "reject_once"},
]


class AcpVoice:
    """A conversation as updates."""

    def __init__(
        self, conversation_id: str, respond: Callable[[Message], None] = lambda _request: None
    ) -> None:
        self._conversation_id = conversation_id
        self._respond = respond
        self._count = 0

    def said(self, text: str) -> bytes:
        """See ``Voice``."""
        return encoded(self._update("agent_message_chunk", content={"type": "text", "text": text}))

    def show(self, picture: str) -> None:
        """See ``Voice``."""
        content = {"type": "image", "mimeType": "image/png", "data": picture}
        send(self._update("agent_message_chunk", content=content))

    def announce(self, commands: Sequence[Message]) -> None:
        """Announce slash commands."""
        send(self._update("available_commands_update", availableCommands=commands))

    def think(self, text: str) -> None:
        """See ``Voice``."""
        send(self._update("agent_thought_chunk", content={"type": "text", "text": text}))

    def use_tool(self, title: str, *, is_failed: bool) -> None:
        """See ``Voice``."""
        tool_id = self._begin(title)
        self._end(tool_id, is_failed=is_failed)

    def ask(self, question: Mapping[str, Any]) -> bool:
        """See ``Voice``."""
        tool_id = self._begin("Write" if "path" in question else "Bash")
        details = _details(question)
        send(self._update("tool_call_update", toolCallId=tool_id, **details))
        request_id = f"ask-{self._count}"
        offered = question.get("offered", ("always", "yes", "no"))
        options = [each for each in _OPTIONS if each["optionId"] in offered]
        params = {
            "sessionId": self._conversation_id,
            "toolCall": {"toolCallId": tool_id},
            "options": options,
        }
        send(_request(request_id, "session/request_permission", params))
        is_allowed = self._is_allowed(request_id, options)
        self._end(tool_id, is_failed=not is_allowed)
        return is_allowed

    def inquire(self, questions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | str:
        """See ``Voice``; like claude-agent-acp, with a text field beside each choice."""
        properties: Message = {}
        for number, question in enumerate(questions):
            key = f"question_{number}"
            properties[key] = _schema(question)
            if "options" in question:
                properties[f"{key}_custom"] = {"type": "string", "title": "Other"}
        self._count += 1
        request_id = f"ask-{self._count}"
        schema = {"type": "object", "properties": properties}
        params = {"sessionId": self._conversation_id, "mode": "form", "message": "Please answer."}
        send(_request(request_id, "elicitation/create", params | {"requestedSchema": schema}))
        result = self._answer_to(request_id)
        if result.get("action") != "accept":
            return str(result.get("action"))
        content: Mapping[str, Any] = result["content"]
        return content

    def propose(self, plan: str) -> str | None:
        """See ``Voice``."""
        tool_id = self._begin("Approve Plan")
        content = [{"type": "content", "content": {"type": "text", "text": plan}}]
        call: Message = {"toolCallId": tool_id, "kind": "switch_mode"}
        send(self._update("tool_call_update", **call, content=content))
        call |= {"rawInput": {}, "content": []}  # as claude-agent-acp does
        self._count += 1
        request_id = f"ask-{self._count}"
        params = {"sessionId": self._conversation_id, "toolCall": call, "options": _OPTIONS}
        send(_request(request_id, "session/request_permission", params))
        outcome = self._answer_to(request_id)["outcome"]
        if outcome["outcome"] == "cancelled":
            self.wait()
        self._end(tool_id, is_failed=outcome["optionId"] == "no")
        return "rejected" if outcome["optionId"] == "no" else None

    def list_todos(self, items: Sequence[Sequence[str]]) -> None:
        """See ``Voice``."""
        entries = [{"content": text, "status": state, "priority": "low"} for text, state in items]
        send(self._update("plan", entries=entries))

    def tell_tasks(self, sub_agents: int, background: Sequence[str]) -> None:
        """See ``Voice``; each is a tool call of its own, as in claude-agent-acp."""
        for _ in range(sub_agents):
            self._call("Agent", {"description": "look"})
        for command in background:
            self._call("Bash", {"command": command, "run_in_background": True})

    def said_by_sub_agent(self, text: str) -> None:
        """See ``Voice``."""
        content = {"type": "text", "text": text}
        meta = {"claudeCode": {"parentToolUseId": "t-0"}}
        send(self._update("agent_message_chunk", content=content, _meta=meta))

    def tell_retry(self, retry: Mapping[str, Any]) -> None:
        """See ``Voice``; as claude-agent-acp passes it on."""
        params = {"sessionId": self._conversation_id, "message": api_retry(retry)}
        send({"jsonrpc": "2.0", "method": "_claude/sdkMessage", "params": params})

    def tell_limit(self, limit: Mapping[str, Any]) -> None:
        """See ``Voice``."""
        info = {"status": "allowed_warning", "rateLimitType": limit.get("kind", "five_hour")}
        info |= {"utilization": limit.get("used"), "resetsAt": limit.get("resets_at")}
        meta = {"_claude/rateLimit": info}
        send(self._update("usage_update", used=1, size=200_000, _meta=meta))

    def _call(self, name: str, tool_input: Message) -> None:
        self._count += 1
        meta = {"claudeCode": {"toolName": name}}
        call = {"toolCallId": f"t-{self._count}", "title": name, "status": "pending"}
        send(self._update("tool_call", **call, rawInput=tool_input, _meta=meta))

    def tell_usage(self, tokens: int, cost_usd: float) -> None:
        """See ``Voice``."""
        cost = {"amount": cost_usd, "currency": "USD"}
        send(self._update("usage_update", used=tokens, size=200_000, cost=cost))

    def wait(self) -> None:
        """See ``Voice``."""
        while receive().get("method") != "session/cancel":
            pass
        raise TurnCancelledError

    def _answer_to(self, request_id: str) -> Message:
        """Return the answer to a request; requests that come meanwhile are answered."""
        while (message := receive()).get("id") != request_id:
            self._respond(message)
        result: Message = message["result"]
        return result

    def _is_allowed(self, request_id: str, options: Sequence[Message]) -> bool:
        outcome = self._answer_to(request_id)["outcome"]
        if outcome["outcome"] != "cancelled":
            return bool(outcome["optionId"] != "no")
        if any(each["optionId"] == "no" for each in options):
            self.wait()
        return False

    def _begin(self, title: str) -> str:
        self._count += 1
        tool_id = f"t-{self._count}"
        send(self._update("tool_call", toolCallId=tool_id, title=title, status="pending"))
        return tool_id

    def _end(self, tool_id: str, *, is_failed: bool) -> None:
        status = "failed" if is_failed else "completed"
        send(self._update("tool_call_update", toolCallId=tool_id, status=status))

    def _update(self, kind: str, /, **content: Any) -> Message:
        update = {"sessionUpdate": kind, **content}
        params = {"sessionId": self._conversation_id, "update": update}
        return {"jsonrpc": "2.0", "method": "session/update", "params": params}


class AcpAgent:
    """Answers requests as the script says."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._mode = script.modes[0] if script.modes else ""
        self._chosen = {
            "model": next(iter(script.models), ""),
            "effort": next(iter(script.efforts), ""),
        }
        self._words: dict[str, str] = {}
        self._prompts = 0
        self._is_resumed = False
        self._settings = "all"

    def serve(self) -> None:
        """Answer until stdin ends."""
        while True:
            self._respond(receive())

    def _respond(self, message: Message) -> None:
        if "id" not in message or "method" not in message:
            return
        method = message["method"].replace("/", "_")
        if method in _OPENING:
            self._settings = _sources(message["params"])
        answer = getattr(self, f"_{method}")(message["params"])
        send({"jsonrpc": "2.0", "id": message["id"], **answer})
        if method in _OPENING and "result" in answer:
            self._announce(message["params"])

    def _announce(self, params: Message) -> None:
        if self._script.commands:
            conversation_id = params.get("sessionId", self._script.conversation_id)
            AcpVoice(conversation_id).announce(self._script.commands)

    def _initialize(self, _: Message) -> Message:
        way = self._script.resume
        capabilities: Message = {"loadSession": way in {"accept", "refuse", "crash", "lost"}}
        of_sessions: Message = {"resume": {}} if way == "reopen" else {}
        of_sessions |= {"fork": {}} if self._script.can_fork else {}
        of_sessions |= {} if self._script.sessions is None else {"list": {}}
        capabilities["sessionCapabilities"] = of_sessions
        capabilities["promptCapabilities"] = {"image": self._script.takes_pictures}
        return {"result": {"protocolVersion": 1, "agentCapabilities": capabilities}}

    def _session_new(self, _: Message) -> Message:
        if not self._script.logged_in:
            return _error(_AUTH_REQUIRED, "Authentication required", "run the login first")
        return {"result": {"sessionId": self._script.conversation_id, **self._modes()}}

    def _session_list(self, params: Message) -> Message:
        listed = [
            {"sessionId": each["id"], "cwd": params["cwd"], "title": each.get("title")}
            | ({"updatedAt": each["updated_at"]} if "updated_at" in each else {})
            for each in self._script.sessions or ()
        ]
        return {"result": {"sessions": listed}}

    def _session_fork(self, params: Message) -> Message:
        return {"result": {"sessionId": f"{params['sessionId']}-copy"}}

    def _session_resume(self, params: Message) -> Message:
        if not Path(params["cwd"]).is_absolute():
            return _error(_INTERNAL_ERROR, "Invalid params", "cwd must be an absolute path")
        return {"result": self._modes()}

    def _session_load(self, params: Message) -> Message:
        if self._script.resume == "crash":
            sys.exit(3)
        self._is_resumed = True
        if self._script.resume == "refuse":
            return _error(_INTERNAL_ERROR, "Internal error", "no such session")
        voice = AcpVoice(params["sessionId"])
        sys.stdout.buffer.write(voice.said("told once more") * 40)
        return {"result": self._modes()}

    def _session_set_mode(self, params: Message) -> Message:
        if self._script.mode_error:
            return _error(_INTERNAL_ERROR, "Internal error", self._script.mode_error)
        self._mode = self._words["mode"] = params["modeId"]
        return {"result": {}}

    def _session_set_config_option(self, params: Message) -> Message:
        self._chosen[params["configId"]] = params["value"]
        return {"result": {"configOptions": self._options()}}

    def _session_prompt(self, params: Message) -> Message:
        if self._is_resumed and self._script.resume == "lost":
            data = {"error": "Session not found"}
            return {"error": {"code": _INVALID_PARAMS, "message": "Invalid params", "data": data}}
        blocks = params["prompt"]
        *before, prompt = [block["text"] for block in blocks if block["type"] == "text"]
        conversation_id = params["sessionId"]
        words = {"prompt": prompt, "mode": self._mode, "conversation": conversation_id}
        words["files"] = ", ".join(
            f"{block['type']} {block['mimeType']}" for block in blocks if block["type"] != "text"
        )
        words |= {"instructions": "".join(before), "settings": self._settings}
        words |= {"model": self._chosen["model"], "effort": self._chosen["effort"]}
        self._words = words
        player = Player(AcpVoice(conversation_id, self._respond), words)
        self._prompts += 1
        try:
            player.play(self._script.turn(self._prompts - 1))
        except TurnCancelledError:
            return _stopped("cancelled")
        except TurnFinishedError as reason:
            return _stopped(str(reason))
        except TurnLimitedError as error:
            return {"error": _limited(error.resets_at)}
        except TurnTooLongError:
            return _error(_INTERNAL_ERROR, "Prompt is too long", "")
        except TurnFailedError as error:
            return _error(_INTERNAL_ERROR, str(error), error.details)
        return _stopped("end_turn")

    def _modes(self) -> Message:
        options = {"configOptions": self._options()} if self._options() else {}
        if not self._script.modes:
            return options
        offered = [{"id": mode, "name": mode} for mode in self._script.modes]
        return {"modes": {"currentModeId": self._mode, "availableModes": offered}, **options}

    def _options(self) -> list[Message]:
        offered = {"model": self._script.models, "effort": self._script.efforts}
        categories = {"model": "model", "effort": "thought_level"}
        return [
            {
                "id": name,
                "name": name,
                "category": categories[name],
                "type": "select",
                "currentValue": self._chosen[name],
                "options": [{"value": each, "name": each.title()} for each in values],
            }
            for name, values in offered.items()
            if values
        ]


def _schema(question: Mapping[str, Any]) -> Message:
    """Return the schema of a field, in the ways of JSON Schema that agents use."""
    schema: Message = {"description": question["question"]}
    offered = [{"const": each, "title": each} for each in question.get("options", ())]
    if question.get("many"):
        return schema | {"type": "array", "items": {"anyOf": offered}}
    if offered:
        return schema | {"type": "string", "oneOf": offered}
    kinds = {"yes_no": "boolean", "text": "string"}
    kind = question.get("kind", "text")
    return schema | {"type": kinds.get(kind, kind)}


def _sources(params: Message) -> str:
    """Return where claude-agent-acp would take its settings from."""
    options = (params.get("_meta") or {}).get("claudeCode", {}).get("options", {})
    return ",".join(options.get("settingSources", ["all"]))


def _details(question: Mapping[str, Any]) -> Message:
    if "path" not in question:
        return {"title": question["command"], "rawInput": {"command": question["command"]}}
    old, new = question.get("old"), question["new"]
    diff = {"type": "diff", "path": question["path"], "oldText": old, "newText": new}
    return {"title": f"Write {question['path']}", "content": [diff]}


def _request(request_id: str, method: str, params: Message) -> Message:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def _stopped(reason: str) -> Message:
    return {"result": {"stopReason": reason}}


def _limited(resets_at: float | None) -> Message:
    data: Message = {"errorKind": "rate_limit", "resetsAt": resets_at}
    return {"code": _INTERNAL_ERROR, "message": "Limit reached", "data": data}


def _error(code: int, message: str, details: str) -> Message:
    return {"error": {"code": code, "message": message, "data": {"details": details}}}


def main(path: str) -> None:
    """Play the script in the file at ``path``."""
    script = Script.read(path)
    Player(AcpVoice(""), {}).play(script.before)
    AcpAgent(script).serve()


if __name__ == "__main__":
    main(sys.argv[1])
