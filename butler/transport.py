"""The seam to a chat network."""

from collections.abc import AsyncIterator
from typing import Protocol

from butler.message import Message, Reply


class Transport(Protocol):
    """Where messages come from and replies go to."""

    owner_chat_id: str | None
    """The chat in which the linked account itself reads; None where there is none."""

    def messages(self) -> AsyncIterator[Message]:
        """Yield each message once, those of one chat in order; ends when the network is closed."""
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

    async def acknowledge(self, message: Message) -> None:
        """Say that the turn of ``message`` is over; without it, the next start yields it again."""
        ...
