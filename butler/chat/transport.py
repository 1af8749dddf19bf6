"""The seam to a chat network."""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Protocol

from butler.chat.message import Message, Reply

NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Transport(Protocol):
    """Where messages come from and replies go to."""

    owner_chat_id: str | None
    """The chat in which the linked account itself reads; None where there is none."""

    @property
    def chat_names(self) -> Mapping[str, str]:
        """What chats are called, by id, as far as that is known; fit to be shown."""
        ...

    def messages(self) -> AsyncIterator[Message]:
        """Yield each message once, those of one chat in order; ends when the network is closed.

        One that its sender edits before its turn has begun is withdrawn, and yielded as it is now.
        """
        ...

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Hand over ``reply`` and return its message id.

        Raises:
            TransportError: The network did not take it.
        """
        ...

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Show the people in the chat that an answer is being worked on, or no longer.

        Each call that begins it is matched by one that ends it.
        """
        ...

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Say that a handler is about to act on ``message``, so that none ever does so twice.

        If Butler is killed before the turn is over, the next start does not yield it again. Its
        chat is told so once, unless a reply to it was sent or ``is_told`` is False. Does not wait.
        """
        ...

    def is_withdrawn(self, message: Message) -> bool:
        """Return whether its sender has deleted or edited ``message`` since it was yielded."""
        ...

    async def acknowledge(self, message: Message) -> None:
        """Say that the turn of ``message`` is over.

        Without it, the next start yields it again, unless the turn had begun.
        """
        ...
