"""A stand-in for the model behind Claude: writes one file when asked to, then says that it did.

It answers ``POST /v1/messages`` with server-sent events, counts tokens, and answers anything else
with an empty object.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WISH = "write made.txt"
ANSWER = "I wrote **made.txt**."
_TOOL = {"file_path": "made.txt", "content": "made by the model\n"}


@contextmanager
def served() -> Iterator[str]:
    """Serve the model on the loopback interface and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        if "count_tokens" in self.path:
            self._send("application/json", json.dumps({"input_tokens": 10}))
        elif self.path.startswith("/v1/messages") and body.get("stream"):
            self._send("text/event-stream", _stream(_block(body)))
        else:
            self._send("application/json", "{}")

    def do_GET(self) -> None:
        self._send("application/json", "{}")

    def do_HEAD(self) -> None:
        self._send("application/json", "")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send(self, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _block(body: dict) -> dict:
    """Return the tool wanted, if somebody has asked for it since the model last spoke."""
    spoken = [n for n, message in enumerate(body["messages"]) if message["role"] == "assistant"]
    news = json.dumps(body["messages"][spoken[-1] + 1 if spoken else 0 :])
    if WISH in news and body.get("tools") and "tool_result" not in news:
        return {"type": "tool_use", "id": "toolu_1", "name": "Write", "input": _TOOL}
    return {"type": "text", "text": ANSWER}


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
