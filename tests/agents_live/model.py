"""A stand-in for the model behind Claude: plays what the words of the last prompt ask for.

It answers ``POST /v1/messages`` with server-sent events, counts tokens, and answers anything else
with an empty object.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = "I wrote **made.txt**."
RESET_AT = int(time.time()) + 2 * 3600
_COLOURS = [
    {"label": "Red", "description": "like fire"},
    {"label": "Blue", "description": "like water"},
]
_PARTS = [{"label": each, "description": ""} for each in ("Docs", "Tests", "Code")]
_QUESTIONS = [
    {"question": "Which colour?", "header": "Colour", "options": _COLOURS, "multiSelect": False},
    {"question": "Which parts?", "header": "Parts", "options": _PARTS, "multiSelect": True},
]
PLAN = "# The plan\n\n1. Write made.txt\n2. Read it"
_TODOS = [
    {"content": "Write made.txt", "status": "completed", "activeForm": "Writing made.txt"},
    {"content": "Read it", "status": "in_progress", "activeForm": "Reading it"},
    {"content": "Rest", "status": "pending", "activeForm": "Resting"},
]
_WRITE = ("Write", {"file_path": "made.txt", "content": "made by the model\n"})
PLAYS: dict[str, list[tuple[str, dict]]] = {
    "write made.txt": [_WRITE],
    "ask me": [("AskUserQuestion", {"questions": _QUESTIONS})],
    "plan it": [("ExitPlanMode", {"plan": PLAN}), _WRITE],
    "note the steps": [("TodoWrite", {"todos": _TODOS})],
    "in the background": [
        ("Bash", {"command": "sleep 300", "description": "Wait", "run_in_background": True})
    ],
    "with a helper": [
        ("Agent", {"description": "Look", "prompt": "say hi", "subagent_type": "general-purpose"})
    ],
}
MODELS_ASKED: list[str] = []
_HEARD: list[str] = []
TOO_LONG = "be far too long"
LIMITED = "reach the limit"


@contextmanager
def served() -> Iterator[str]:
    """Serve the model on the loopback interface and yield its address."""
    _HEARD.clear()
    MODELS_ASKED.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def was_told(*texts: str) -> bool:
    """Return whether each of the texts has reached the model."""
    return all(any(text in heard for heard in _HEARD) for text in texts)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        said = json.dumps(body.get("messages", [])[_last_prompt(body) :])
        _HEARD.append(json.dumps(body.get("messages", [])).replace('\\"', '"'))
        MODELS_ASKED.append(str(body.get("model")))
        if "count_tokens" in self.path:
            self._send("application/json", json.dumps({"input_tokens": 10}))
        elif not self.path.startswith("/v1/messages"):
            self._send("application/json", "{}")
        elif LIMITED in said:
            self._refuse(429, "rate_limit_error", "This request would exceed your rate limit.")
        elif TOO_LONG in said:
            too_long = "prompt is too long: 250000 tokens > 200000 maximum"
            self._refuse(400, "invalid_request_error", too_long)
        elif body.get("stream"):
            self._send("text/event-stream", _stream(_block(body, said)))
        else:
            self._send("application/json", "{}")

    def do_GET(self) -> None:
        self._send("application/json", "{}")

    def do_HEAD(self) -> None:
        self._send("application/json", "")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _refuse(self, status: int, kind: str, message: str) -> None:
        error = {"type": "error", "error": {"type": kind, "message": message}}
        unified = "anthropic-ratelimit-unified"
        headers = {
            f"{unified}-status": "rejected",
            f"{unified}-reset": str(RESET_AT),
            f"{unified}-representative-claim": "five_hour",
            "x-should-retry": "false",
        }
        self._send("application/json", json.dumps(error), status, headers)

    def _send(
        self, kind: str, text: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _last_prompt(body: dict) -> int:
    """Return where the last prompt is: the last message that is no reminder or result of a tool."""
    numbers = [
        number
        for number, message in enumerate(body.get("messages", []))
        if message["role"] == "user" and any(map(_is_said, _blocks(message)))
    ]
    return numbers[-1] if numbers else 0


def _blocks(message: dict) -> list[dict]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _is_said(block: dict) -> bool:
    return block["type"] == "text" and not block["text"].lstrip().startswith("<")


def _block(body: dict, said: str) -> dict:
    """Return the next step of the play that the last prompt asks for."""
    play = next((each for wish, each in PLAYS.items() if wish in said), [])
    step = said.count('"type": "tool_use"')
    if not body.get("tools") or step >= len(play):
        return {"type": "text", "text": ANSWER}
    name, tool_input = play[step]
    return {"type": "tool_use", "id": f"toolu_{time.time_ns()}", "name": name, "input": tool_input}


def _stream(block: dict) -> str:
    is_tool = block["type"] == "tool_use"
    usage = {"input_tokens": 10, "output_tokens": 5}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "stand-in",
        "content": [],
        "stop_reason": None,
        "usage": usage,
    }
    empty = block | ({"input": {}} if is_tool else {"text": ""})
    delta = (
        {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        if is_tool
        else {"type": "text_delta", "text": block["text"]}
    )
    stop = {"stop_reason": "tool_use" if is_tool else "end_turn", "stop_sequence": None}
    events = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": usage},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
