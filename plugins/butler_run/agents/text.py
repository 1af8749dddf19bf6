"""Texts of agents: shortened to one line for a sentence, joined and split for a chat."""

from collections.abc import Iterable, Iterator

from butler_run.agents.events import Event, Text

MAX_TEXT_CHARS = 64 * 1024
_SHORT = 300


def on_one_line(text: str, limit: int = _SHORT) -> str:
    """Return ``text`` on one line, at most ``limit`` characters, without a full stop at its end."""
    line = " ".join(text[: limit * 4].split())
    if len(line) > limit:
        return line[: limit - 1] + "…"
    return line.rstrip(".")


def coalesced(events: Iterable[Event]) -> Iterator[Event]:
    """Yield ``events`` with adjacent texts joined, and texts over ``MAX_TEXT_CHARS`` split.

    An agent may send single words or a whole book.
    """
    waiting: list[str] = []
    size = 0
    for event in events:
        if isinstance(event, Text) and size + len(event.text) <= MAX_TEXT_CHARS:
            waiting.append(event.text)
            size += len(event.text)
            continue
        yield from _cut(waiting)
        waiting, size = [], 0
        if isinstance(event, Text):
            yield from _cut([event.text])
        else:
            yield event
    yield from _cut(waiting)


def _cut(pieces: list[str]) -> Iterator[Text]:
    text = "".join(pieces)
    for start in range(0, len(text), MAX_TEXT_CHARS):
        yield Text(text[start : start + MAX_TEXT_CHARS])
