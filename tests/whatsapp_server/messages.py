"""Messages on their way: those sent to the bot, and those it sent."""

import time
from dataclasses import dataclass, field
from typing import Literal

from whatsapp_server.contents import Content
from whatsapp_server.descriptions import Description
from whatsapp_server.elements import Addressing, Element, Jid
from whatsapp_server.people import Chat, Group, Person

Damage = Literal["none", "once", "always"]
"""Whether ciphertexts arrive broken: never, until the first retry, or whenever they are sent."""


@dataclass(eq=False, slots=True)
class Sent:
    """A message to the bot."""

    id: str
    sender: Person
    chat: Chat
    content: Content
    addressing: Addressing
    device: int
    sent_at_s: int
    damage: Damage
    is_own: bool
    """Whether the owner of the bot's account wrote it, on another device."""
    stanza: Element = field(default_factory=lambda: Element("message"))
    receipts: list[str] = field(default_factory=list)
    """How the bot's client answered: ``delivered``, ``inactive``, ``retry``, ``read``, …"""
    deliveries: int = 0

    @property
    def is_from_bot(self) -> bool:
        """Whether the bot wrote it: never."""
        return False

    @property
    def is_acknowledged(self) -> bool:
        """Whether the client has answered it in any way, so that it is not sent again."""
        return bool(self.receipts)

    @property
    def raw(self) -> bytes:
        """The message's protobuf."""
        return self.content.raw

    @property
    def author(self) -> str:
        """The sender's address."""
        mode = self.chat.addressing if isinstance(self.chat, Group) else self.addressing
        return str(self.sender.jid(mode))

    @property
    def chat_address(self) -> str:
        """The chat's address."""
        chat = self.chat
        return str(chat.jid(self.addressing) if isinstance(chat, Person) else chat.jid)


@dataclass(frozen=True, slots=True)
class Document:
    """A file that the bot sent, decrypted."""

    data: bytes
    file_name: str
    mime_type: str
    caption: str
    kind: str = "document"


@dataclass(eq=False, slots=True)
class Reply:
    """A message of the bot, decrypted."""

    id: str
    chat: Chat | None
    to: Jid
    author: str
    raw: bytes
    description: Description
    stanza: Element
    document: Document | None
    readers: dict[str, str]
    """How each reading device got it: ``pkmsg``, ``msg``, ``skmsg`` or ``error: …``."""
    at: float = field(default_factory=time.time)

    @property
    def is_from_bot(self) -> bool:
        """Whether the bot wrote it: always."""
        return True

    @property
    def chat_address(self) -> str:
        """The address the bot wrote to."""
        return str(self.to.bare)

    @property
    def kind(self) -> str:
        """``text``, ``edit``, ``revoke``, ``reaction``, ``document``, …"""
        return self.description.kind

    @property
    def text(self) -> str:
        """The text or caption; of an edit the new one."""
        return self.description.text

    @property
    def quoted_id(self) -> str | None:
        """The id of the message it quotes."""
        return self.description.quoted_id

    @property
    def mentions(self) -> tuple[str, ...]:
        """The addresses whose phones ring: those that its text names by the same digits."""
        words = self.text.split()
        shown = (f"@{each.partition('@')[0]}" for each in self.description.mentions)
        pairs = zip(self.description.mentions, shown, strict=True)
        return tuple(address for address, word in pairs if word in words)

    @property
    def edited_id(self) -> str | None:
        """The id of the message that it edits."""
        return self.description.target_id if self.kind == "edit" else None


@dataclass(frozen=True, slots=True)
class ChatState:
    """The bot types (``composing``), or no longer (``paused``)."""

    chat: Chat | None
    to: Jid
    state: str
    at: float = field(default_factory=time.time)
