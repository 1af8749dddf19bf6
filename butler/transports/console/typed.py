"""What the consoles for people have in common."""

import itertools
import secrets
import time

from butler.chat.message import Message, Person
from butler.chat.transport import NO_NAMES


class Author:
    """Makes messages out of what is typed."""

    def __init__(self, chat_id: str, sender: Person | None) -> None:
        self.chat_id = chat_id
        self._sender = sender
        start = secrets.token_hex(4)
        self._ids = (f"{start}-{n}" for n in itertools.count(1))

    def next_id(self) -> str:
        """Return an id that no other message of this console has."""
        return next(self._ids)

    def message(self, text: str) -> Message:
        """Return ``text`` as a message in the chat."""
        return Message(
            id=self.next_id(),
            chat_id=self.chat_id,
            sender=self._sender or Person(),
            text=text,
            time=time.time(),
            is_own=self._sender is None,
        )


class Typed:
    """What a transport does about messages that somebody types: nothing is kept of them."""

    owner_chat_id: str | None = None
    chat_names = NO_NAMES

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Nobody would see it."""

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Nothing is kept, so nothing is yielded twice."""

    def is_withdrawn(self, message: Message) -> bool:
        """Return False: a line that was typed stays."""
        return False
