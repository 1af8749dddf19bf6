"""Notices to the owner about people and chats that are ignored."""

from collections.abc import Callable

from butler.chat.message import Message, Person
from butler.chat.text import printable
from butler.chat.transport import Transport
from butler.core.chat_names import ChatNames


class OwnerNotices:
    """Words what the owner has to know.

    Args:
        transport: Knows the owner's chat, and the names of the others.
        announce: Returns a code for a person who may be announced to the owner.
    """

    def __init__(self, transport: Transport, announce: Callable[[Person], str | None]) -> None:
        self._transport = transport
        self._announce = announce

    def introduction(self, message: Message) -> str:
        """Return the one-time notice about a sender who is not admitted."""
        is_reachable = self._transport.owner_chat_id is not None
        code = self._announce(message.sender) if is_reachable else None
        if code is None:
            return ""
        called = f" (“{printable(message.name, 30)}”)" if message.name else ""
        return (
            f"{message.sender}{called} wrote to me and is not admitted. "
            f"/allow {code} admits them, within an hour; /deny {code} blocks them."
        )

    def muting(self, message: Message) -> str:
        """Return the notice about a muted chat."""
        transport = self._transport
        names = ChatNames(transport.chat_names, transport.owner_chat_id or "", is_private=True)
        return (
            f"Another bot is echoing my commands in {names.listed(message.chat_id)}, "
            "so I am ignoring that chat for a minute."
        )
