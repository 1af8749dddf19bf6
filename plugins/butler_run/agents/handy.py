"""Text in pieces of a handy size: an agent may say a word at a time, or a book at once."""

from collections.abc import Iterable, Iterator

from butler_run.agents.agent import Event, Text

MOST = 64 * 1024


def handy(events: Iterable[Event]) -> Iterator[Event]:
    """Yield ``events``, texts next to each other as one, and none longer than ``MOST``."""
    waiting: list[str] = []
    size = 0
    for event in events:
        if isinstance(event, Text) and size + len(event.text) <= MOST:
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
    for start in range(0, len(text), MOST):
        yield Text(text[start : start + MOST])
