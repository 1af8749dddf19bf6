"""JSON lines on stdin and stdout."""

import json
import sys
from typing import Any

from butler.testing.agents.script import write

Message = dict[str, Any]


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
