"""The turns that a worker has in hand."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from butler.chat.message import Message
from butler.fleet.frames import Turn
from butler.fleet.names import joined

MOST_REMEMBERED = 10_000
MOST_QUOTED_CHARS = 1_000

_Key = tuple[str, str, str]


@dataclass(slots=True)
class HandedTurn:
    """A turn from a hub.

    Attributes:
        frame: As it came.
        message: With the chat's name at this worker.
        has_begun: The handler has started.
        is_withdrawn: The sender deleted the message before that.
        result: What the records say of it, once there is something.
        repo: The repo that it used.
        detail: More for the records.
        is_counted: It was plain text that was answered.
        is_unheard: It was plain text that nothing answered.
        reply: The reply, if it is to be joined with those of other machines.
    """

    frame: Turn
    message: Message
    has_begun: bool = False
    is_withdrawn: bool = False
    result: str = ""
    repo: str = ""
    detail: str = ""
    is_counted: bool = False
    is_unheard: bool = False
    reply: str | None = None


class HandedTurns:
    """The turns in hand, by their messages and by their ids."""

    def __init__(self) -> None:
        self._by_message: dict[_Key, HandedTurn] = {}
        self._by_id: dict[str, HandedTurn] = {}
        self._may: OrderedDict[_Key, tuple[str, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, turn: str) -> bool:
        return turn in self._by_id

    def add(self, frame: Turn, hub: str) -> HandedTurn:
        """Add a turn of a hub."""
        message = replace(frame.message, chat_id=joined(hub, frame.message.chat_id))
        turn = HandedTurn(frame, message)
        self._by_message[_key(message)] = self._by_id[frame.id] = turn
        self.note_may(message, frame.may)
        return turn

    def of(self, message: Message | None) -> HandedTurn | None:
        """Return the turn of a message, if it is in hand."""
        return None if message is None else self._by_message.get(_key(message))

    def get(self, turn: str) -> HandedTurn | None:
        """Return a turn by its id, if it is in hand."""
        return self._by_id.get(turn)

    def end(self, turn: HandedTurn) -> None:
        """Let go of the message of a turn; its id stays until ``forget``."""
        self._by_message.pop(_key(turn.message), None)

    def forget(self, turn: str) -> None:
        """Let go of a turn."""
        self._by_id.pop(turn, None)

    def note_may(self, message: Message, may: tuple[str, ...]) -> None:
        """Remember which commands the sender of a message may use."""
        self._may[_key(message)] = may
        if len(self._may) > MOST_REMEMBERED:
            self._may.popitem(last=False)

    def may(self, message: Message) -> tuple[str, ...]:
        """Return which commands the sender of a message may use."""
        return self._may.get(_key(message), ())


def for_hub(message: Message, chat_id: str) -> Message:
    """Return what a hub has to know of a message: enough to quote it and for the records."""
    return replace(
        message, chat_id=chat_id, text=message.text[:MOST_QUOTED_CHARS], mentions=(), attachments=()
    )


def _key(message: Message) -> _Key:
    return message.chat_id, str(message.sender), message.id
