"""Shared parts of the consoles for people."""

import itertools
import secrets
import time

from butler.chat.mentions import OwnMentions
from butler.chat.message import Attachment, Message, Person, Reply
from butler.chat.transport import NO_NAMES
from butler.transports.console import files

OWN_MENTIONS = OwnMentions(("bot",))
"""Here, who writes ``@bot`` mentions the linked account."""


class Author:
    """Turns typed lines into messages."""

    def __init__(self, chat_id: str, sender: Person | None) -> None:
        self.chat_id = chat_id
        self._sender = sender
        start = secrets.token_hex(4)
        self._ids = (f"{start}-{n}" for n in itertools.count(1))

    def next_id(self) -> str:
        """Return a message id that is unique in this console."""
        return next(self._ids)

    def message(self, text: str) -> Message:
        """Return ``text`` as a message in the chat."""
        message = Message(
            id=self.next_id(),
            chat_id=self.chat_id,
            sender=self._sender or Person(),
            text=text,
            time=time.time(),
            is_own=self._sender is None,
        )
        return OWN_MENTIONS.removed(message)


class Typed:
    """A mixin for transports that do not store their messages."""

    owner_chat_id: str | None = None
    chat_names = NO_NAMES

    async def fetch(self, message: Message) -> tuple[Attachment, ...]:
        """Return the attachments; their files are on this machine.

        Raises:
            UserError: One cannot be read.
        """
        return await files.fetched(message)

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Do nothing: there is nobody to show it to."""

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Do nothing: messages are not stored, so none is yielded twice."""

    def is_withdrawn(self, message: Message) -> bool:
        """Return False: typed lines cannot be withdrawn."""
        return False


def shown(reply: Reply) -> str:
    """Return the text of a reply, and where the file is that it brings."""
    if reply.attachment is None:
        return reply.text
    return f"{reply.text}\n[{reply.attachment}]".lstrip("\n")
