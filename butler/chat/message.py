"""Message, Person, Attachment and Reply."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

_PHONE = re.compile(r"\+?([0-9]{5,20})(?:@s\.whatsapp\.net)?", re.ASCII)
_LID = re.compile(r"([0-9]{1,20})@lid", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A participant of a chat, identified by phone number, LID, or both.

    WhatsApp addresses the same person by phone number in one chat and by LID in the next. Two
    persons are equal if their phone numbers or their LIDs match; the digits of a phone number are
    never compared with those of a LID. This is not an equivalence, so persons are not hashable.

    Attributes:
        phone: In international form, ``+4915112345678``.
        lid: ``123456789@lid``, without the device part.
    """

    phone: str | None = None
    lid: str | None = None

    @classmethod
    def parse(cls, address: str) -> Self:
        """Return the person at ``+49…``, ``49…@s.whatsapp.net`` or ``…@lid``.

        Raises:
            ValueError: It is none of these; the text is a whole sentence.
        """
        if phone := _PHONE.fullmatch(address):
            return cls(phone=f"+{phone[1]}")
        if _LID.fullmatch(address):
            return cls(lid=address)
        raise ValueError(f"{address!r} is neither a phone number (+49…) nor a LID (…@lid).")

    @property
    def lacks_country_code(self) -> bool:
        """Whether the number is in national form, such as 0151…, which never matches a sender."""
        return self.phone is not None and self.phone.startswith("+0")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Person):
            return NotImplemented
        if self.phone is not None and self.phone == other.phone:
            return True
        return self.lid is not None and self.lid == other.lid

    __hash__ = None  # type: ignore[assignment]  # equal by either address: no hash fits

    def __str__(self) -> str:
        return self.phone or self.lid or "unknown"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a message brings.

    Attributes:
        kind: What it is, in a word: ``picture``, ``video``, ``document``, ``voice message``,
            ``audio file`` or ``sticker``.
        name: The name that its sender gave it: decoration, never a path.
        media_type: The type that its sender gave it, such as ``image/jpeg``: decoration, too.
        size: In bytes, as announced.
        digest: The SHA-256 of the file in hexadecimal; empty if it was not announced.
        duration_s: The length of a recording, as announced.
        path: The file, once it is fetched: see ``takes_files`` of ``command`` and ``Plugin``.
    """

    kind: str
    name: str = ""
    media_type: str = ""
    size: int = 0
    digest: str = ""
    duration_s: float = 0.0
    path: Path | None = None


def trace_of(chat_id: str, message_id: str) -> str:
    """Return the short id by which every log names a message."""
    known = f"{chat_id}\0{message_id}".encode(errors="surrogatepass")
    return hashlib.sha256(known).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Message:
    """A received text.

    Attributes:
        id: The network's id; unique only together with chat and sender.
        chat_id: The address of the group or of the person, such as ``…@g.us``.
        sender: Who wrote it.
        text: The raw text, possibly more than 65,536 characters.
        time: When it was sent, in Unix seconds.
        name: The display name that the sender chose: decoration, never identity.
        is_own: The linked account itself wrote it, on its phone or another device.
        quoted_id: The id of the message that this one replies to.
        quoted_sender: The author of that message.
        is_forwarded: It was forwarded, so its text is someone else's.
        is_reaction: It is not a text but a reaction, such as 👍, to the quoted message.
        is_to_bot: It mentions the linked account itself.
        mentions: The people mentioned in it.
        media: What it brings besides text, in a word such as ``picture``.
        attachments: The files among that.
        source: Where the owner wrote it, if not in the chat, such as ``panel``.
    """

    id: str
    chat_id: str
    sender: Person
    text: str
    time: float
    name: str = ""
    is_own: bool = False
    quoted_id: str | None = None
    quoted_sender: Person | None = None
    is_forwarded: bool = False
    is_reaction: bool = False
    is_to_bot: bool = False
    mentions: tuple[Person, ...] = ()
    media: str = ""
    attachments: tuple[Attachment, ...] = ()
    source: str = ""

    @property
    def trace(self) -> str:
        """A short id that is the same in the logs of every process and machine."""
        return trace_of(self.chat_id, self.id)

    @property
    def author(self) -> str:
        """The sender, for records and lists."""
        sender = self.sender
        return (
            self.source
            or sender.phone
            or sender.lid
            or ("the owner" if self.is_own else str(sender))
        )

    @property
    def is_to_self(self) -> bool:
        """Whether the owner wrote it in the chat with themselves."""
        phone = self.sender.phone
        addresses = (self.sender.lid, phone and f"{phone.removeprefix('+')}@s.whatsapp.net")
        return self.is_own and self.chat_id in addresses

    @property
    def is_group(self) -> bool:
        """Whether the chat is a group."""
        return self.chat_id.endswith("@g.us")


class Reply(NamedTuple):
    """A text to send.

    Attributes:
        text: In WhatsApp's mark-up.
        answers: The message that it quotes.
        edits: The id of an earlier reply in the same chat that this text replaces.
        file_name: Send the text as a document of this name.
        is_urgent: Where replies wait for their chat's rate limit, this one goes first.
        mentions: Who is mentioned, so that their phone rings even in a muted group; it is ignored
            in direct chats and in edits.
        key: Where the network can tell, a reply with the same key is not sent twice.
        attachment: A file to send with the text below it, under ``file_name`` or its own name:
            pictures as pictures, everything else as documents.
        waits: While the network cannot be reached, it waits however long, until Butler ends;
            others are given up after ten minutes.
    """

    text: str
    answers: Message | None = None
    edits: str | None = None
    file_name: str | None = None
    is_urgent: bool = False
    mentions: tuple[Person, ...] = ()
    key: str | None = None
    waits: bool = False
    attachment: Path | None = None
