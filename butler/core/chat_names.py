"""Names of chats, and who may read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from butler.access.rules import Role
from butler.chat.message import Message
from butler.chat.transport import Transport


@dataclass(frozen=True, slots=True)
class ChatNames:
    """The names of chats as one reply may show them.

    Attributes:
        names: The names from the network, by id; a direct chat is named by its phone number.
        here: The chat that receives the reply.
        is_private: Only an owner reads the reply. All other replies name no chat but their own:
            members of one group must not learn of another.
    """

    names: Mapping[str, str]
    here: str
    is_private: bool

    @classmethod
    def in_answer(cls, message: Message, role: Role, transport: Transport) -> Self:
        """Return the names for a reply to ``message``, whose sender has this role."""
        # The linked account also writes to others, who then read the reply.
        is_to_others = message.is_own and transport.owner_chat_id not in {None, message.chat_id}
        is_private = role is Role.OWNER and not message.is_group and not is_to_others
        return cls(transport.chat_names, message.chat_id, is_private)

    def may_tell_of(self, chat_id: str) -> bool:
        """Return whether the readers may know that the chat exists."""
        return self.is_private or chat_id == self.here

    def called(self, chat_id: str) -> str:
        """Return the name of a chat within a sentence, or "this chat" or "another chat"."""
        if chat_id == self.here:
            return "this chat"
        name = self._name(chat_id)
        if name is None:
            return "another chat"
        return name if _is_group(chat_id) else f"the chat with {name}"

    def listed(self, chat_id: str, *, with_id: bool = False) -> str:
        """Return the name of a chat in a list where the readers may see it, else its id.

        Args:
            chat_id: The chat.
            with_id: Add the id, for commands that take one; it is also added where two groups
                share a name.
        """
        name = self._name(chat_id)
        if name is None:
            return chat_id
        return f"{name} ({chat_id})" if with_id or self._is_shared(chat_id) else name

    def _name(self, chat_id: str) -> str | None:
        name = self.names.get(chat_id) if self.may_tell_of(chat_id) else None
        return f"*{name}*" if name and _is_group(chat_id) else name or None

    def _is_shared(self, chat_id: str) -> bool:
        if not self.is_private:
            return False
        return list(self.names.values()).count(self.names[chat_id]) > 1


def _is_group(chat_id: str) -> bool:
    return chat_id.endswith("@g.us")
