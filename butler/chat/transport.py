"""The interface to a chat network."""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Protocol

from butler.chat.message import Attachment, Message, Reply

NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Transport(Protocol):
    """Receives messages from a chat network and sends replies to it."""

    owner_chat_id: str | None
    """The linked account's chat with itself; None if the network has none."""

    @property
    def chat_names(self) -> Mapping[str, str]:
        """The known names of chats, by id; safe to show."""
        ...

    def messages(self) -> AsyncIterator[Message]:
        """Yield each message once, in order within a chat, until the transport is closed.

        A message edited before its turn starts is withdrawn and yielded again in its new form.
        """
        ...

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Hand over ``reply`` and return its message id.

        Raises:
            TransportError: The network rejected it.
        """
        ...

    async def fetch(self, message: Message) -> tuple[Attachment, ...]:
        """Return the attachments of ``message``, each with its file; fetched at most once.

        Raises:
            UserError: One cannot be had; the text says why, and what to do.
        """
        ...

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Show or hide the typing indicator in the chat.

        Each start needs one matching end.
        """
        ...

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Mark ``message`` as started, so that it is never handled twice, even after a crash.

        If Butler is killed before the turn ends, the next start does not yield the message again,
        but notifies its chat once, unless a reply was sent or ``is_told`` is False. Does not wait.
        """
        ...

    def is_withdrawn(self, message: Message) -> bool:
        """Return whether the sender deleted or edited ``message`` since it was yielded."""
        ...

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        """Acknowledge ``message`` at the end of its turn.

        Otherwise the next start yields it again, unless its turn had started. If it had no effect,
        as a mistyped command has none, an edit of it is yielded as a new message.
        """
        ...
