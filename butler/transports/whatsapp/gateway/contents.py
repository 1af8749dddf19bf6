"""The contents of a message: kind, text and context, unwrapped."""

from dataclasses import dataclass
from typing import Any

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import ProtocolMessage

_BESIDE = frozenset({"senderKeyDistributionMessage", "messageContextInfo"})
_MOST_WRAPPERS = 8


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
        return str(getattr(self.part, "caption", ""))

    @property
    def context(self) -> Any:
        """The ContextInfo: quote and mentions; None if there is none."""
        return getattr(self.part, "contextInfo", None)


def body(content: Content) -> Body:
    """Unwrap ``content``: disappearing, view-once, edited, sent by a device, …"""
    for _depth in range(_MOST_WRAPPERS):
        kind, part = _first(content)
        inner = getattr(part, "message", None)
        if not isinstance(inner, Content):
            return Body(kind, part)
        content = inner
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
        content: The new content, or the deletion itself.
        is_deletion: Whether the message is deleted for everyone.
    """

    target: str
    content: Content
    is_deletion: bool


def change(content: Content) -> Change | None:
    """Return the change to an earlier message that this makes; None if it makes none."""
    found = body(content)
    if found.kind != "protocolMessage":
        return None
    target = str(found.part.key.ID)
    if found.part.type == ProtocolMessage.MESSAGE_EDIT:
        return Change(target, found.part.editedMessage, is_deletion=False)
    if found.part.type == ProtocolMessage.REVOKE:
        return Change(target, content, is_deletion=True)
    return None


def _first(content: Content) -> tuple[str, Any]:
    for field, value in content.ListFields():
        if field.name not in _BESIDE:
            return field.name, value
    return "", None
