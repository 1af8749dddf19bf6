"""The contents of a message: kind, text and context, unwrapped.

Only wrappers of the sender's own words are opened. More than thirty kinds hold another message;
most of those show what somebody else wrote, and nothing in them is a command.
"""

from dataclasses import dataclass
from typing import Any

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import ProtocolMessage, SecretEncryptedMessage

_BESIDE = frozenset({"senderKeyDistributionMessage", "messageContextInfo"})
_MOST_WRAPPERS = 8
_AROUND_OWN_WORDS = frozenset(
    {
        "deviceSentMessage",
        "documentWithCaptionMessage",
        "editedMessage",
        "ephemeralMessage",
        "groupMentionedMessage",
        "spoilerMessage",
        "viewOnceMessage",
        "viewOnceMessageV2",
        "viewOnceMessageV2Extension",
    }
)
_CAPTIONED = frozenset(
    {"imageMessage", "videoMessage", "ptvMessage", "documentMessage", "liveLocationMessage"}
)
_FORWARD_MARKS = (
    "forwardedNewsletterMessageInfo",
    "businessMessageForwardInfo",
    "forwardedAiBotMessageInfo",
    "botMessageSharingInfo",
)
_FORWARDED_ANSWER_OF_AN_AI = "botForwardedMessage"
_MEDIA = {
    "imageMessage": "picture",
    "videoMessage": "video",
    "ptvMessage": "video",
    "documentMessage": "document",
    "stickerMessage": "sticker",
    "lottieStickerMessage": "sticker",
    "audioStickerMessage": "sticker",
    "stickerPackMessage": "sticker",
    "contactMessage": "contact",
    "contactsArrayMessage": "contact",
    "locationMessage": "location",
    "liveLocationMessage": "location",
    "pollCreationMessage": "poll",
    "pollCreationMessageV2": "poll",
    "pollCreationMessageV3": "poll",
    "pollCreationMessageV4": "poll",
    "pollCreationMessageV5": "poll",
    "pollCreationMessageV6": "poll",
    "eventMessage": "event",
    "eventInviteMessage": "event",
    "groupInviteMessage": "invitation",
    "productMessage": "product",
    "orderMessage": "order",
    "musicMessage": "song",
}


@dataclass(frozen=True, slots=True)
class Body:
    """The innermost part of a message.

    Attributes:
        kind: The name of its field, such as ``conversation``; empty if unknown.
        part: The value of that field.
    """

    kind: str
    part: Any

    @property
    def text(self) -> str:
        """The text or caption; empty if there is none."""
        if isinstance(self.part, str):
            return self.part
        if self.kind == "extendedTextMessage":
            return str(self.part.text)
        return str(self.part.caption) if self.kind in _CAPTIONED else ""

    @property
    def media(self) -> str:
        """What it brings that is no text, in a word such as ``picture``; empty for the rest."""
        if self.kind == "audioMessage":
            return "voice message" if self.part.PTT else "audio file"
        return _MEDIA.get(self.kind, "")

    @property
    def context(self) -> Any:
        """The ContextInfo: quote and mentions; None if there is none."""
        return getattr(self.part, "contextInfo", None)

    @property
    def is_forwarded(self) -> bool:
        """Whether its words were passed on; phones mark that in several ways, also alone."""
        if self.kind == _FORWARDED_ANSWER_OF_AN_AI:
            return True
        context = self.context
        if context is None:
            return False
        return bool(
            context.isForwarded
            or context.forwardingScore
            or context.forwardOrigin
            or any(context.HasField(mark) for mark in _FORWARD_MARKS)
        )


def body(content: Content) -> Body:
    """Unwrap ``content``: disappearing, view-once, edited, sent by a device, …"""
    for _depth in range(_MOST_WRAPPERS):
        kind, part = _first(content)
        if kind not in _AROUND_OWN_WORDS:
            return Body(kind, part)
        content = part.message
    return Body("", None)


def is_key_only(content: Content) -> bool:
    """Return whether this only carries a group's key, as the first of two events does."""
    names = {field.name for field, _value in content.ListFields()}
    return "senderKeyDistributionMessage" in names and names <= _BESIDE


@dataclass(frozen=True, slots=True)
class Change:
    """A sender's edit or deletion of an earlier message.

    Attributes:
        target: The id of that message.
        content: The new content, or the deletion itself, or the edit as long as it is sealed.
        is_edit: Whether it gives the message a new content; else it takes the message back.
        is_sealed: Whether it is an edit that only the secret of the message opens.
    """

    target: str
    content: Content
    is_edit: bool = False
    is_sealed: bool = False

    def apply(self, message: Content) -> None:
        """Put this in the place of what ``message`` says; its secret opens the next edit, too."""
        secret = message.messageContextInfo.messageSecret
        message.CopyFrom(self.content)
        if secret and not (self.is_edit and message.messageContextInfo.messageSecret):
            message.messageContextInfo.messageSecret = secret


def change(content: Content) -> Change | None:
    """Return the change to an earlier message that this makes; None if it makes none."""
    found = body(content)
    if found.kind == "secretEncryptedMessage":
        is_edit = found.part.secretEncType == SecretEncryptedMessage.MESSAGE_EDIT
        target = str(found.part.targetMessageKey.ID)
        return Change(target, content, is_sealed=True) if is_edit else None
    if found.kind != "protocolMessage":
        return None
    target = str(found.part.key.ID)
    if found.part.type == ProtocolMessage.MESSAGE_EDIT:
        return Change(target, found.part.editedMessage, is_edit=True)
    if found.part.type == ProtocolMessage.REVOKE:
        return Change(target, content)
    return None


def _first(content: Content) -> tuple[str, Any]:
    for field, value in content.ListFields():
        if field.name not in _BESIDE:
            return field.name, value
    return "", None
