"""A worker's events that its hub has not confirmed yet."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from butler.fleet.frames import (
    Confirmed,
    Delivered,
    Event,
    Happening,
    Judged,
)

REPEAT_S = 1.0
MOST_UNCONFIRMED = 10_000

Outcome = Confirmed | Delivered | Judged


class OutboxFullError(Exception):
    """The hub has confirmed nothing for too long."""


@dataclass(slots=True)
class _Waiting:
    event: Event
    outcome: asyncio.Future[Outcome]
    sent_at: float


class Outbox:
    """Sends the events of each chat in order, again and again until they are confirmed.

    The hub acts on each of them once, see ``Inbox``.

    Args:
        send: Sends an event once.
        clock: A monotonic clock in seconds.
    """

    def __init__(self, send: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._chats: dict[str, dict[int, _Waiting]] = {}
        self._numbers: dict[str, int] = {}
        self._size = 0
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def __len__(self) -> int:
        return self._size

    def add(self, chat_id: str, what: Happening) -> asyncio.Future[Outcome]:
        """Send an event; the result is what the hub says of it.

        Raises:
            OutboxFullError: Too many wait.
        """
        if self._size >= MOST_UNCONFIRMED:
            raise OutboxFullError
        number = self._numbers[chat_id] = self._numbers.get(chat_id, 0) + 1
        unconfirmed = self._chats.setdefault(chat_id, {})
        event = Event(chat_id, number, next(iter(unconfirmed), number), what)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        unconfirmed[number] = _Waiting(event, future, self._clock())
        self._size += 1
        self._is_empty.clear()
        self._send(event)
        return future

    def confirm(self, outcome: Outcome) -> None:
        """Take what the hub says of an event."""
        unconfirmed = self._chats.get(outcome.chat_id, {})
        waiting = unconfirmed.pop(outcome.number, None)
        if waiting is None:
            return
        if not unconfirmed:
            del self._chats[outcome.chat_id]
        self._size -= 1
        if not self._size:
            self._is_empty.set()
        if not waiting.outcome.done():
            waiting.outcome.set_result(outcome)

    def repeat(self, older_than_s: float = REPEAT_S) -> None:
        """Send again what was sent too long ago."""
        now = self._clock()
        for unconfirmed in self._chats.values():
            lowest = next(iter(unconfirmed))
            for each in unconfirmed.values():
                if now - each.sent_at >= older_than_s:
                    each.sent_at = now
                    self._send(_with_lowest(each.event, lowest))

    async def confirmed(self) -> None:
        """Wait until all events are confirmed."""
        await self._is_empty.wait()


def _with_lowest(event: Event, lowest: int) -> Event:
    return Event(event.chat_id, event.number, lowest, event.what)
