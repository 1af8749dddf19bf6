"""The turns of messages that were yielded but not acknowledged yet."""

import secrets
from dataclasses import dataclass

from butler.chat.message import Message

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
        self._rows: dict[int, _Turn] = {}
        self._replaced: list[Message] = []

    def __contains__(self, message: Message) -> bool:
        return _key(message) in self._turns

    def add(self, row: int, message: Message) -> None:
        """Add the turn of the message in the journal's ``row``."""
        self._turns[_key(message)] = self._rows[row] = _Turn(row, message)

    def message(self, row: int | None) -> Message | None:
        """Return the message in the journal's ``row``, if its turn is pending or in progress."""
        turn = self._rows.get(row) if row is not None else None
        return None if turn is None else turn.message

    def row(self, message: Message) -> int | None:
        """Return the row of a message, if its turn is pending or in progress."""
        turn = self._turns.get(_key(message))
        return None if turn is None else turn.row

    def begin(self, message: Message) -> int | None:
        """Mark the turn of a message as started; return its row, None if there is no such turn."""
        turn = self._turns.get(_key(message))
        if turn is None or self._is_replaced(message):
            return None
        turn.has_begun = True
        return turn.row

    def withdraw(self, row: int) -> Message | None:
        """Withdraw a message whose turn has not started; return it, None if it is too late."""
        turn = self._rows.get(row)
        if turn is None or turn.has_begun or turn.is_withdrawn:
            return None
        turn.is_withdrawn = True
        return turn.message

    def is_edit(self, row: int, message: Message) -> bool:
        """Return whether ``message`` differs from the pending one in that row."""
        turn = self._rows.get(row)
        return turn is not None and turn.message.text != message.text

    def replace(self, row: int, message: Message) -> bool:
        """Replace a message by its edited version; return False if it is too late."""
        turn = self._rows.get(row)
        if turn is None or turn.has_begun or turn.is_withdrawn:
            return False
        self._replaced.append(turn.message)
        del self._turns[_key(turn.message)]
        self.add(row, message)
        return True

    def is_withdrawn(self, message: Message) -> bool:
        """Return whether the message was withdrawn or replaced."""
        turn = self._turns.get(_key(message))
        return self._is_replaced(message) or (turn is not None and turn.is_withdrawn)

    def reply_key(self, answered: Message | None) -> str:
        """Return a key for the next reply, the same one if the turn is repeated."""
        turn = self._turns.get(_key(answered)) if answered else None
        if turn is None:
            return secrets.token_hex(16)
        turn.replies += 1
        return place(turn.row, turn.replies)

    def end(self, message: Message) -> int | None:
        """Remove a message; return its row, None if it was unknown or replaced."""
        if self._is_replaced(message):
            self._replaced = [each for each in self._replaced if each is not message]
            return None
        turn = self._turns.pop(_key(message), None)
        if turn is None:
            return None
        del self._rows[turn.row]
        return turn.row

    def _is_replaced(self, message: Message) -> bool:
        return any(each is message for each in self._replaced)


def place(row: int, number: int) -> str:
    """Return the key of a turn's reply by its number."""
    return f"{row}.{number}"


def _key(message: Message) -> _Key:
    return message.chat_id, str(message.sender), message.id
