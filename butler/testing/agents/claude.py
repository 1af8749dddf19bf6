"""A scripted stand-in for Claude Code's command, as it is driven by JSON lines.

``python -m butler.testing.agents.claude SCRIPT.json [OPTIONS]``
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
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


class ClaudeVoice:
    """A conversation as messages of the assistant."""

    def __init__(self, words: dict[str, str]) -> None:
        self.usage: Message = {"usage": {"input_tokens": 1, "output_tokens": 1}}
        self._words = words
        self._count = 0

    def said(self, text: str) -> bytes:
        """See ``Voice``."""
        return encoded(_assistant({"type": "text", "text": text}))

    def show(self, picture: str) -> None:
        """See ``Voice``."""
        source = {"type": "base64", "media_type": "image/png", "data": picture}
        send(_assistant({"type": "image", "source": source}))

    def think(self, text: str) -> None:
        """See ``Voice``."""
        send(_assistant({"type": "thinking", "thinking": text}))

    def use_tool(self, title: str, *, is_failed: bool) -> None:
        """See ``Voice``."""
        tool_id = self._begin(title, {})
        self._end(tool_id, is_failed=is_failed)

    def ask(self, question: Mapping[str, Any]) -> bool:
        """See ``Voice``."""
        name, tool_input = _tool(question)
        tool_id = self._begin(name, tool_input)
        request_id = f"ask-{self._count}"
        request = {
            "subtype": "can_use_tool",
            "tool_name": name,
            "input": tool_input,
            "permission_suggestions": [{"type": "setMode", "mode": "acceptEdits"}],
        }
        send({"type": "control_request", "request_id": request_id, "request": request})
        is_allowed = self._is_allowed(request_id)
        self._end(tool_id, is_failed=not is_allowed)
        return is_allowed

    def inquire(self, questions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | str:
        """See ``Voice``."""
        tool_input = {"questions": [_question(each) for each in questions]}
        decision = self._decision("AskUserQuestion", tool_input)
        if decision["behavior"] == "deny":
            return str(decision["message"])
        answers: Mapping[str, Any] = decision["updatedInput"].get("answers", {})
        return answers or "The user did not answer."

    def propose(self, plan: str) -> str | None:
        """See ``Voice``; the request for approval does not repeat the plan, as in Claude Code."""
        decision = self._decision("ExitPlanMode", {"plan": plan}, {})
        if decision["behavior"] == "deny":
            return str(decision["message"])
        updates = decision.get("updatedPermissions", [])
        self._words["mode"] = next((each["mode"] for each in updates), "default")
        return None

    def list_todos(self, items: Sequence[Sequence[str]]) -> None:
        """See ``Voice``."""
        todos = [{"content": text, "status": state} for text, state in items]
        tool_id = self._begin("TodoWrite", {"todos": todos})
        self._end(tool_id, is_failed=False)

    def tell_tasks(self, sub_agents: int, background: Sequence[str]) -> None:
        """See ``Voice``."""
        tasks = [{"task_type": "local_agent", "description": "look"}] * sub_agents
        tasks += [{"task_type": "local_bash", "description": each} for each in background]
        send({"type": "system", "subtype": "background_tasks_changed", "tasks": tasks})

    def said_by_sub_agent(self, text: str) -> None:
        """See ``Voice``."""
        send({**_assistant({"type": "text", "text": text}), "parent_tool_use_id": "t-0"})

    def tell_retry(self, retry: Mapping[str, Any]) -> None:
        """See ``Voice``."""
        send(api_retry(retry))

    def tell_limit(self, limit: Mapping[str, Any]) -> None:
        """See ``Voice``."""
        send(_rate_limit(limit, "allowed_warning"))

    def _decision(
        self, name: str, tool_input: Message, shown: Message | None = None
    ) -> dict[str, Any]:
        tool_id = self._begin(name, tool_input)
        request_id = f"ask-{self._count}"
        shown = tool_input if shown is None else shown
        request = {"subtype": "can_use_tool", "tool_name": name, "input": shown}
        send({"type": "control_request", "request_id": request_id, "request": request})
        decision = _response_to(request_id)
        self._end(tool_id, is_failed=decision["behavior"] == "deny")
        return decision

    def tell_usage(self, tokens: int, cost_usd: float) -> None:
        """See ``Voice``."""
        usage = {"input_tokens": 0, "output_tokens": tokens}
        self.usage = {"usage": usage, "total_cost_usd": cost_usd}

    def wait(self) -> None:
        """See ``Voice``."""
        while not _is_interrupt(receive()):
            pass
        raise TurnCancelledError

    def _is_allowed(self, request_id: str) -> bool:
        return bool(_response_to(request_id)["behavior"] == "allow")

    def _begin(self, name: str, tool_input: Message) -> str:
        self._count += 1
        tool_id = f"t-{self._count}"
        send(_assistant({"type": "tool_use", "id": tool_id, "name": name, "input": tool_input}))
        return tool_id

    def _end(self, tool_id: str, *, is_failed: bool) -> None:
        result = {"type": "tool_result", "tool_use_id": tool_id, "is_error": is_failed}
        send({"type": "user", "message": {"role": "user", "content": [result]}})


class ClaudeCommand:
    """Answers prompts as the script says."""

    def __init__(self, script: Script, options: argparse.Namespace) -> None:
        self._script = script
        self._mode = options.permission_mode
        self._settings = options.setting_sources
        self._model, self._effort = options.model, options.effort
        resumed = f"{options.resume}-copy" if options.fork_session else options.resume
        self._conversation_id = resumed if options.resume else script.conversation_id
        self._prompts = 0

    def serve(self) -> None:
        """Answer until stdin ends."""
        while True:
            message = receive()
            if message["type"] == "control_request":
                send(self._response(message))
            elif message["type"] == "user":
                self._answer(message["message"]["content"])

    def _response(self, request: Message) -> Message:
        is_first = request["request"]["subtype"] == "initialize"
        said = {"commands": self._script.commands, **self._offer()} if is_first else {}
        response = {"subtype": "success", "request_id": request["request_id"], "response": said}
        return {"type": "control_response", "response": response}

    def _offer(self) -> Message:
        efforts = {"supportedEffortLevels": self._script.efforts}
        models = [{"value": each, "displayName": each, **efforts} for each in self._script.models]
        return {"models": models} if models else {}

    def _answer(self, blocks: list[Message]) -> None:
        *before, prompt = [block["text"] for block in blocks if block["type"] == "text"]
        init = {"type": "system", "subtype": "init", "session_id": self._conversation_id}
        names = [command["name"] for command in self._script.commands]
        send({**init, "permissionMode": self._mode, "slash_commands": names})
        if not self._script.logged_in:
            send(self._result("success", "Invalid API key · Please run /login", is_error=True))
            return
        words = {"prompt": prompt, "mode": self._mode, "conversation": self._conversation_id}
        words["files"] = ", ".join(
            block["source"]["media_type"] for block in blocks if block["type"] != "text"
        )
        words |= {"instructions": "".join(before), "settings": self._settings}
        words |= {"model": self._model, "effort": self._effort}
        voice = ClaudeVoice(words)
        self._prompts += 1
        result = self._played(Player(voice, words))
        send({**voice.usage, **result})

    def _played(self, player: Player) -> Message:
        try:
            player.play(self._script.turn(self._prompts - 1))
        except TurnCancelledError:
            return self._result("error_during_execution", "interrupted", is_error=True)
        except TurnFinishedError:
            return self._result("error_max_turns", "", is_error=True)
        except TurnLimitedError as error:
            send(_rate_limit({"resets_at": error.resets_at}, "rejected"))
            return self._result("success", "You have hit your limit", is_error=True)
        except TurnTooLongError:
            return self._result("success", "Prompt is too long", is_error=True)
        except TurnFailedError as error:
            return self._result("success", f"{error}: {error.details}", is_error=True)
        return self._result("success", self._script.result, is_error=False)

    def _result(self, subtype: str, text: str, *, is_error: bool) -> Message:
        outcome = {"subtype": subtype, "is_error": is_error, "result": text}
        return {"type": "result", "session_id": self._conversation_id, **outcome}


def _tool(question: Mapping[str, Any]) -> tuple[str, Message]:
    if "command" in question:
        return "Bash", {"command": question["command"], "description": "a command"}
    if "old" in question:
        edit = {"old_string": question["old"], "new_string": question["new"]}
        return "Edit", {"file_path": question["path"], **edit}
    return "Write", {"file_path": question["path"], "content": question["new"]}


def _response_to(request_id: str) -> dict[str, Any]:
    while (message := receive()).get("response", {}).get("request_id") != request_id:
        pass
    decision: dict[str, Any] = message["response"]["response"]
    if decision.get("interrupt"):
        raise TurnCancelledError
    return decision


def _question(question: Mapping[str, Any]) -> Message:
    options = [{"label": each, "description": ""} for each in question.get("options", [])]
    is_many = question.get("many", False)
    return {"question": question["question"], "options": options, "multiSelect": is_many}


def _rate_limit(limit: Mapping[str, Any], status: str) -> Message:
    info = {"status": status, "rateLimitType": limit.get("kind", "five_hour")}
    if "used" in limit:
        info["utilization"] = limit["used"]
    if limit.get("resets_at") is not None:
        info["resetsAt"] = limit["resets_at"]
    return {"type": "rate_limit_event", "rate_limit_info": info}


def _assistant(block: Message) -> Message:
    return {"type": "assistant", "message": {"role": "assistant", "content": [block]}}


def _is_interrupt(message: Message) -> bool:
    return bool(message.get("request", {}).get("subtype") == "interrupt")


def main(arguments: list[str]) -> None:
    """Play the script named by the first of the arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("script")
    parser.add_argument("--resume")
    parser.add_argument("--fork-session", action="store_true")
    parser.add_argument("--permission-mode", default="default")
    parser.add_argument("--model", default="")
    parser.add_argument("--effort", default="")
    parser.add_argument("--setting-sources", default="all")
    options, _ = parser.parse_known_args(arguments)
    script = Script.read(options.script)
    Player(ClaudeVoice({}), {}).play(script.before)
    if options.resume and script.resume not in {"accept", "reopen"}:
        sys.exit(f"No conversation found with session ID: {options.resume}")
    ClaudeCommand(script, options).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
