"""A stand-in for the models behind agents: plays what the words of the last prompt ask for.

It answers ``POST /v1/messages`` (Claude) with server-sent events, and counts tokens. To Codex
(``/v1/responses``) and Gemini (``generateContent``) it only talks, or refuses. It answers anything
else with an empty object.
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
_CODEX_LIMIT = {
    "error": {
        "type": "usage_limit_reached",
        "message": "The usage limit has been reached",
        "plan_type": "plus",
        "resets_in_seconds": 7_200,
    }
}
_GEMINI_LIMIT = {
    "error": {
        "code": 429,
        "message": "You exceeded your current quota, please check your plan.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
            }
        ],
    }
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
        if "enerateContent" in self.path:
            self._speak_as_gemini(json.dumps(body))
        elif self.path.endswith("/responses"):
            self._speak_as_codex(json.dumps(body))
        elif "count_tokens" in self.path:
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

    def _speak_as_gemini(self, said: str) -> None:
        if LIMITED in said:
            self._send("application/json", json.dumps(_GEMINI_LIMIT), 429)
            return
        candidate = {"content": {"role": "model", "parts": [{"text": ANSWER}]}, "index": 0}
        answer = {"candidates": [candidate | {"finishReason": "STOP"}]}
        usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
        text = json.dumps(answer | {"usageMetadata": usage})
        if "stream" in self.path:
            self._send("text/event-stream", f"data: {text}\r\n\r\n")
        else:
            self._send("application/json", text)

    def _speak_as_codex(self, said: str) -> None:
        if LIMITED in said:
            self._send("application/json", json.dumps(_CODEX_LIMIT), 429)
            return
        part = {"type": "output_text", "text": ANSWER, "annotations": []}
        item = {"type": "message", "id": "m1", "role": "assistant", "content": [part]}
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        usage |= {"input_tokens_details": None, "output_tokens_details": None}
        place = {"item_id": "m1", "output_index": 0, "content_index": 0}
        events = [
            {"type": "response.created", "response": {"id": "r1"}},
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": item | {"content": []},
            },
            {"type": "response.output_text.delta", "delta": ANSWER, **place},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": {"id": "r1", "usage": usage}},
        ]
        self._send("text/event-stream", _lines(events))

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
    return _lines(events)


def _lines(events: list[dict]) -> str:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
