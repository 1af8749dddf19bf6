"""JSON lines on stdin and stdout."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from butler.testing.agents.script import write

Message = dict[str, Any]


def api_retry(retry: Mapping[str, Any]) -> Message:
    """Return what Claude Code says of a retry."""
    return {
        "type": "system",
        "subtype": "api_retry",
        "attempt": retry["attempt"],
        "max_retries": retry["of"],
        "retry_delay_ms": retry["delay_s"] * 1000,
        "error_status": retry.get("status", 529),
        "error": retry["error"],
    }


def encoded(message: Message) -> bytes:
    """Encode ``message`` as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def send(message: Message) -> None:
    """Write ``message``."""
    write(encoded(message))


def receive() -> Message:
    """Return the next message; the end of stdin ends the process."""
    line = sys.stdin.buffer.readline()
    if not line:
        sys.exit(0)
    message: Message = json.loads(line)
    return message
