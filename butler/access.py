"""Who may talk to Butler."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from butler.message import Message, Person


class Role(IntEnum):
    """What somebody may do; a higher role includes the lower ones."""

    USER = 1
    OWNER = 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message is not acted on.

    Attributes:
        rule: A short name for statistics, such as ``not allowed``.
        detail: The values that decided, without the message's text.
    """

    rule: str
    detail: str


class AccessRules:
    """The people and chats that the configuration admits; everybody else is a stranger."""

    def __init__(self, owners: Iterable[Person] = (), chats: Iterable[str] = ()) -> None:
        owners = tuple(owners)
        self._phones = frozenset(person.phone for person in owners if person.phone)
        self._lids = frozenset(person.lid for person in owners if person.lid)
        self._chats = frozenset(chats)

    def role(self, message: Message) -> Role | None:
        """Return what the sender may do in this chat; None for a stranger."""
        sender = message.sender
        if message.is_own or sender.phone in self._phones or sender.lid in self._lids:
            return Role.OWNER
        return Role.USER if message.chat_id in self._chats else None

    @staticmethod
    def refusal(message: Message) -> Refusal:
        """Return the record of a stranger's message."""
        return Refusal("not allowed", f"neither {message.sender} nor the chat is admitted")
