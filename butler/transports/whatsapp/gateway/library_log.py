"""Leaves out of the library's log what Butler says in one line for each change of state."""

import logging
import re

_LIBRARY = "whatsmeow"
_OFFLINE = re.compile(
    r"websocket|failed to dial|reconnect|keepalive|failed to connect|no such host"
    r"|connection (?:refused|reset)|network is unreachable|i/o timeout",
    re.IGNORECASE,
)


def is_news(record: logging.LogRecord) -> bool:
    """Return False for what the library says of a connection that is lost or cannot be made."""
    is_of_library = record.name.partition(".")[0].lower() == _LIBRARY
    return not (is_of_library and _OFFLINE.search(record.getMessage()))
