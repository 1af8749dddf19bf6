"""The turns in hand: of messages that were yielded and not acknowledged yet."""

import secrets
from dataclasses import dataclass

from butler.message import Message

_Key = tuple[str, str, str]


@dataclass(slots=True)
class _Turn:
    row: int
    message: Message
    replies: int = 0
    has_begun: bool = False
    is_withdrawn: bool = False


class Turns:
    """The turns, by their messages."""

    def __init__(self) -> None:
        self._turns: dict[_Key, _Turn] = {}

    def __contains__(self, message: Message) -> bool:
        return _key(message) in self._turns

    def add(self, row: int, message: Message) -> None:
        """Take a message in hand, from the journal's ``row``."""
        self._turns[_key(message)] = _Turn(row, message)

    def begin(self, message: Message) -> int | None:
        """Note that a handler acts on a message; return its row, None if it is not in hand."""
        turn = self._turns.get(_key(message))
        if turn is None:
            return None
        turn.has_begun = True
        return turn.row

    def withdraw(self, row: int) -> Message | None:
        """Take back the message of a turn that has not begun; return it, None if it is too late."""
        for turn in self._turns.values():
            if turn.row == row and not turn.has_begun and not turn.is_withdrawn:
                turn.is_withdrawn = True
                return turn.message
        return None

    def is_withdrawn(self, message: Message) -> bool:
        """Return whether the message was taken back."""
        turn = self._turns.get(_key(message))
        return turn is not None and turn.is_withdrawn

    def reply_key(self, answered: Message | None) -> str:
        """Return a key for the next reply: the same one if the turn comes up again."""
        turn = self._turns.get(_key(answered)) if answered else None
        if turn is None:
            return secrets.token_hex(16)
        turn.replies += 1
        return place(turn.row, turn.replies)

    def end(self, message: Message) -> int | None:
        """Let a message go; return its row, None if it was not in hand."""
        turn = self._turns.pop(_key(message), None)
        return None if turn is None else turn.row


def place(row: int, number: int) -> str:
    """Return the key of a turn's reply by its number."""
    return f"{row}.{number}"


def _key(message: Message) -> _Key:
    return message.chat_id, str(message.sender), message.id
