"""Messages that come from elsewhere than the chat network, such as the panel of the owner."""

import secrets
import time
from collections.abc import AsyncIterator, Mapping

from butler.chat.message import Attachment, Message, Person, Reply
from butler.chat.transport import Transport


class Aside:
    """A ``Transport`` for one such message: what answers it stays here, all else goes on.

    What is sent after its turn goes to the chat, but quotes nothing: the chat has never seen the
    message.

    Args:
        transport: The network of the chat.
        message: The message.

    Attributes:
        replies: What answered it.
        is_over: Whether its turn has ended.
    """

    def __init__(self, transport: Transport, message: Message) -> None:
        self.owner_chat_id = transport.owner_chat_id
        self._transport = transport
        self._message = message
        self.replies: list[Reply] = []
        self.is_over = False

    @property
    def chat_names(self) -> Mapping[str, str]:
        """The known names of chats, by id."""
        return self._transport.chat_names

    async def messages(self) -> AsyncIterator[Message]:
        """Yield the message."""
        yield self._message

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Keep ``reply`` if it answers the message during its turn; else pass it on."""
        if reply.answers is not self._message:
            return await self._transport.send(chat_id, reply)
        if not self.is_over:
            self.replies.append(reply)
            return f"{self._message.id}-{len(self.replies)}"
        return await self._transport.send(chat_id, reply._replace(answers=None))

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Show or hide the typing indicator in the chat."""
        self._transport.show_typing(chat_id, is_typing=is_typing)

    async def fetch(self, message: Message) -> tuple[Attachment, ...]:
        """Return the attachments of a message of the chat; that written elsewhere has none."""
        return () if message is self._message else await self._transport.fetch(message)

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Do nothing: the other side sees that there is no answer."""

    def is_withdrawn(self, message: Message) -> bool:
        """Return False: there is no way to withdraw it."""
        return False

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        """Do nothing: the message is not stored."""


def owners_message(chat_id: str, text: str, source: str) -> Message:
    """Return a message of the owner in a chat, who wrote it at ``source`` instead of there."""
    return Message(
        id=f"{source}-{secrets.token_hex(16)}",
        chat_id=chat_id,
        sender=Person(),
        text=text,
        time=time.time(),
        is_own=True,
        source=source,
    )
