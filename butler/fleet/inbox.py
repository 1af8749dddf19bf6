"""A hub's view of the events of one worker: each in its turn, and each once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from butler.fleet.frames import Event

MOST_HELD = 1_000


@dataclass(slots=True)
class _Sequence:
    """The events of a chat.

    Attributes:
        next: The number that is accepted next.
        held: Those that came too early, by number.
        open: Those that are acted upon at the moment.
        failed: Those that could not be acted upon, and are accepted once more.
    """

    next: int
    held: dict[int, Event] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)


class Inbox:
    """Accepts the events of one life of a worker.

    An event is accepted once those before it in its chat were. What comes again is not: either it
    is acted upon at the moment, or that is over, and it only has to be confirmed again.

    Args:
        accept: Acts on an event, which ends with ``end``.
        confirm_again: Says once more what became of an event.
    """

    def __init__(
        self, accept: Callable[[Event], None], confirm_again: Callable[[Event], None]
    ) -> None:
        self._accept = accept
        self._confirm_again = confirm_again
        self._chats: dict[str, _Sequence] = {}

    def take(self, event: Event) -> None:
        """Take an event as it came."""
        chat = self._chats.get(event.chat_id)
        if chat is None:
            chat = self._chats[event.chat_id] = _Sequence(event.lowest)
        if event.lowest > chat.next:
            self._go_on_at(chat, event.lowest)
        if event.number in chat.failed:
            chat.failed.discard(event.number)
            chat.open.add(event.number)
            self._accept(event)
        elif event.number < chat.next:
            if event.number not in chat.open:
                self._confirm_again(event)
        elif event.number == chat.next:
            self._accept_in_order(chat, event)
        elif len(chat.held) < MOST_HELD:
            chat.held[event.number] = event

    def end(self, event: Event) -> None:
        """Note that an event was acted upon."""
        chat = self._chats.get(event.chat_id)
        if chat is not None:
            chat.open.discard(event.number)

    def fail(self, event: Event) -> None:
        """Note that an event could not be acted upon; it is accepted again when it is repeated."""
        chat = self._chats.get(event.chat_id)
        if chat is not None and event.number in chat.open:
            chat.open.discard(event.number)
            chat.failed.add(event.number)

    def _go_on_at(self, chat: _Sequence, number: int) -> None:
        """Skip to the lowest number that the worker still has."""
        chat.next = number
        for each in [each for each in chat.held if each < number]:
            del chat.held[each]

    def _accept_in_order(self, chat: _Sequence, event: Event) -> None:
        following: Event | None = event
        while following is not None:
            chat.next = following.number + 1
            chat.open.add(following.number)
            self._accept(following)
            following = chat.held.pop(chat.next, None)
