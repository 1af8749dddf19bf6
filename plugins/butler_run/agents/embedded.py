"""What an answer contains besides text: named in the text, and text files attached."""

import base64
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from butler import content_type
from butler_run.agents.events import Attached, Event, Pictured, Text

MAX_ATTACHED_CHARS = 16_000_000
MAX_PICTURE_BYTES = 16_000_000
_NAME_LENGTH = 60
_UNSAFE = re.compile(r"[^\w.-]+")


def embedded(content: dict[str, Any]) -> Iterator[Event]:
    """Yield what non-text content of an answer becomes; nothing if it is unknown."""
    match content:
        case {"type": "resource_link", "uri": str(address)}:
            name = content.get("title") or content.get("name")
            yield Text(f"[{name}]({address})" if isinstance(name, str) and name else address)
        case {"type": "resource", "resource": {"uri": str(address), "text": str(text)}}:
            name = _file_name(address)
            yield Text(f"[{name}, in a document]")
            yield Attached(name, text[:MAX_ATTACHED_CHARS])
        case {"type": "resource", "resource": {"uri": str(address)}}:
            yield Text(f"[a file: {address}]")
        case {"type": "image" | "audio" as kind, "data": str(data)}:
            yield Text(_sized(kind, content.get("mimeType"), data))
            yield from _pictured(data)
        case {"type": "image" | "document" as kind, "source": {"data": str(data), **source}}:
            yield Text(_sized(kind, source.get("media_type"), data))
            yield from _pictured(data)


def _pictured(encoded: str) -> Iterator[Pictured]:
    """Yield what is encoded if it is a picture, whatever type it is said to have."""
    if len(encoded) > MAX_PICTURE_BYTES * 4 // 3:
        return
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        return
    if content_type(data).startswith("image/"):
        yield Pictured(data)


def _sized(kind: str, media_type: object, data: str) -> str:
    size_kb = max(1, len(data) * 3 // 4 // 1000)
    return f"[{kind}: {media_type or 'unknown'}, {size_kb:,} kB]"


def _file_name(address: str) -> str:
    """Return a safe name for the file at an address, which the agent chose."""
    try:
        path = unquote(urlsplit(address).path)
    except ValueError:
        path = ""
    name = _UNSAFE.sub("-", path.rpartition("/")[2])[-_NAME_LENGTH:].strip(".-")
    return name or "answer.txt"
