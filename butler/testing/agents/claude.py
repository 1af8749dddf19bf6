"""A scripted stand-in for Claude Code's command, as it is driven by JSON lines.

``python -m butler.testing.agents.claude SCRIPT.json [OPTIONS]``
"""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from butler.testing.agents.messages import Message, encoded, receive, send
from butler.testing.agents.script import (
    Player,
    Script,
    TurnCancelledError,
    TurnFailedError,
    TurnFinishedError,
)


class ClaudeVoice:
    """A conversation as messages of the assistant."""

    def __init__(self) -> None:
        self.usage: Message = {"usage": {"input_tokens": 1, "output_tokens": 1}}
        self._count = 0

    def said(self, text: str) -> bytes:
        """See ``Voice``."""
        return encoded(_assistant({"type": "text", "text": text}))

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
        while (message := receive())["response"]["request_id"] != request_id:
            pass
        decision = message["response"]["response"]
        if decision.get("interrupt"):
            raise TurnCancelledError
        return bool(decision["behavior"] == "allow")

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
        self._conversation_id = options.resume or script.conversation_id
        self._prompts = 0

    def serve(self) -> None:
        """Answer until stdin ends."""
        while True:
            message = receive()
            if message["type"] == "control_request":
                send(self._response(message))
            elif message["type"] == "user":
                self._answer([block["text"] for block in message["message"]["content"]])

    def _response(self, request: Message) -> Message:
        is_first = request["request"]["subtype"] == "initialize"
        said = {"commands": self._script.commands} if is_first else {}
        response = {"subtype": "success", "request_id": request["request_id"], "response": said}
        return {"type": "control_response", "response": response}

    def _answer(self, texts: list[str]) -> None:
        *before, prompt = texts
        init = {"type": "system", "subtype": "init", "session_id": self._conversation_id}
        names = [command["name"] for command in self._script.commands]
        send({**init, "permissionMode": self._mode, "slash_commands": names})
        if not self._script.logged_in:
            send(self._result("success", "Invalid API key · Please run /login", is_error=True))
            return
        voice = ClaudeVoice()
        words = {"prompt": prompt, "mode": self._mode, "conversation": self._conversation_id}
        words |= {"instructions": "".join(before), "settings": self._settings}
        self._prompts += 1
        result = self._played(Player(voice, words))
        send({**result, **voice.usage})

    def _played(self, player: Player) -> Message:
        try:
            player.play(self._script.turn(self._prompts - 1))
        except TurnCancelledError:
            return self._result("error_during_execution", "interrupted", is_error=True)
        except TurnFinishedError:
            return self._result("error_max_turns", "", is_error=True)
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


def _assistant(block: Message) -> Message:
    return {"type": "assistant", "message": {"role": "assistant", "content": [block]}}


def _is_interrupt(message: Message) -> bool:
    return bool(message.get("request", {}).get("subtype") == "interrupt")


def main(arguments: list[str]) -> None:
    """Play the script named by the first of the arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("script")
    parser.add_argument("--resume")
    parser.add_argument("--permission-mode", default="default")
    parser.add_argument("--setting-sources", default="all")
    options, _ = parser.parse_known_args(arguments)
    script = Script.read(options.script)
    Player(ClaudeVoice(), {}).play(script.before)
    if options.resume and script.resume not in {"accept", "reopen"}:
        sys.exit(f"No conversation found with session ID: {options.resume}")
    ClaudeCommand(script, options).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
