"""Who there is: people with their devices, and the chats they are in."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from whatsapp_server.devices import Device
from whatsapp_server.elements import Addressing, Jid


@dataclass(eq=False, slots=True)
class Person:
    """An account other than a bot; as a chat it means the direct chat with this person."""

    name: str
    phone: str
    lid: str
    devices: dict[int, Device] = field(default_factory=lambda: {0: Device()})
    shows_other_address: bool = True
    """Whether a message names the phone number beside the LID, or the other way round."""

    @property
    def phone_jid(self) -> Jid:
        """The address made of the phone number."""
        return Jid(self.phone, "s.whatsapp.net")

    @property
    def lid_jid(self) -> Jid:
        """The address made of the LID."""
        return Jid(self.lid, "lid")

    def jid(self, addressing: Addressing) -> Jid:
        """Return the address of the kind wanted."""
        return self.lid_jid if addressing == "lid" else self.phone_jid

    def other_jid(self, addressing: Addressing) -> Jid | None:
        """Return the address of the other kind, if this person shows it."""
        if not self.shows_other_address:
            return None
        return self.phone_jid if addressing == "lid" else self.lid_jid


@dataclass(eq=False, slots=True)
class Group:
    """A group that the bot's account is in."""

    jid: Jid
    subject: str
    members: list[Person]
    addressing: Addressing = "lid"
    created_s: int = field(default_factory=lambda: int(time.time()) - 86_400)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A broadcast list, or everybody's status updates."""

    jid: Jid

    @property
    def is_status(self) -> bool:
        """Whether these are status updates."""
        return self.jid.user == "status"


@dataclass(frozen=True, slots=True)
class Newsletter:
    """A channel that the bot's account follows."""

    jid: Jid
    name: str


@dataclass(frozen=True, slots=True)
class Assistant:
    """An AI with a chat of its own, to which the owner of the bot's account writes."""

    jid: Jid


Chat = Person | Group | Broadcast | Newsletter | Assistant

STATUS = Broadcast(Jid("status", "broadcast"))
META_AI = Assistant(Jid("867051314767696", "bot"))
META_AI_BY_PHONE = Assistant(Jid("13135550002", "s.whatsapp.net"))


def members(chat: Chat) -> Sequence[Person]:
    """Return the people who read what the bot sends to the chat."""
    if isinstance(chat, Group):
        return chat.members
    return [chat] if isinstance(chat, Person) else []
