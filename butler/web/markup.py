"""WhatsApp's mark-up in pieces, as a phone shows it; all of it stays text."""

import re
from collections.abc import Iterator

Piece = tuple[str, str]
"""An element, empty for none: ``pre``, ``code``, ``strong``, ``em`` or ``s``; and its text."""

_FENCED = re.compile(r"```\n?(.*?)\n?```", re.DOTALL)
_INLINE = re.compile(
    r"(?<![\w`*_~])(?:`(?P<code>[^`\n]+)`|\*(?P<strong>[^*\s](?:[^*\n]*[^*\s])?)\*"
    r"|_(?P<em>[^_\s](?:[^_\n]*[^_\s])?)_|~(?P<s>[^~\s](?:[^~\n]*[^~\s])?)~)(?![\w`*_~])"
)
LONGEST = 100_000
"""A longer text is shown as it is."""


def pieces(text: str) -> list[Piece]:
    """Return a text in pieces, in order."""
    return list(_blocks(text)) if len(text) <= LONGEST else [("", text)]


def _blocks(text: str) -> Iterator[Piece]:
    end = 0
    for block in _FENCED.finditer(text):
        yield from _inline(text[end : block.start()])
        yield "pre", block[1]
        end = block.end()
    yield from _inline(text[end:])


def _inline(text: str) -> Iterator[Piece]:
    end = 0
    for marked in _INLINE.finditer(text):
        if marked.start() > end:
            yield "", text[end : marked.start()]
        kind = marked.lastgroup or ""
        yield kind, marked[kind]
        end = marked.end()
    if end < len(text):
        yield "", text[end:]
