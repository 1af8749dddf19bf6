"""Builds the library's messages for replies: texts with a quote, edits, pictures, documents."""

import time
from collections.abc import Sequence
from typing import Any

from neonize.proto.waCommon.WACommon_pb2 import MessageKey
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (
    ContextInfo,
    DocumentMessage,
    ExtendedTextMessage,
    FutureProofMessage,
    ImageMessage,
    ProtocolMessage,
)
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content

from butler.chat.message import Message, Person
from butler.transports.whatsapp.protocol.frames import MOST_QUOTED_CHARS, Send

_PICTURES = frozenset({"image/png", "image/jpeg"})


def quote(message: Message, author: str | None) -> ContextInfo:
    """Return the context that makes a reply quote ``message``.

    Args:
        message: The quoted message.
        author: The address of its sender as received, else the best one known.
    """
    return ContextInfo(
        stanzaID=message.id,
        participant=author or address_of(message.sender) or "",
        quotedMessage=Content(conversation=message.text[:MOST_QUOTED_CHARS]),
    )


def address_of(person: Person) -> str | None:
    """Return the best known address of a person; None if none is known."""
    if person.lid is not None:
        return person.lid
    return person.phone and f"{person.phone.removeprefix('+')}@s.whatsapp.net"


def mentioning(
    text: str, context: ContextInfo | None, addresses: Sequence[str]
) -> tuple[str, ContextInfo]:
    """Return a text and its context with mentions.

    Phones show a mention only where the text has the same digits as the context.
    """
    bare = [_without_device(each) for each in addresses]
    context = context or ContextInfo()
    context.mentionedJID.extend(bare)
    named = " ".join(f"@{each.partition('@')[0]}" for each in bare)
    joint = "\n" if text.startswith(("```", ">")) else " "
    return f"{named}{joint}{text}", context


def _without_device(address: str) -> str:
    user, _, server = address.partition("@")
    return f"{user.partition(':')[0]}@{server}"


def text(text: str, context: ContextInfo | None) -> Content:
    """Return a literal text, without link previews."""
    return Content(extendedTextMessage=ExtendedTextMessage(text=text, contextInfo=context))


def edit(chat_id: str, message_id: str, content: Content) -> Content:
    """Return an edit of Butler's own message in this chat with the new ``content``."""
    protocol = ProtocolMessage(
        key=MessageKey(fromMe=True, ID=message_id, remoteJID=chat_id),
        type=ProtocolMessage.MESSAGE_EDIT,
        editedMessage=content,
        timestampMS=int(time.time() * 1000),
    )
    return Content(editedMessage=FutureProofMessage(message=Content(protocolMessage=protocol)))


def is_picture(request: Send) -> bool:
    """Return whether a reply brings a picture that phones show as one."""
    return bool(request.attachment) and request.media_type in _PICTURES


def picture(upload: Any, caption: str, media_type: str, context: ContextInfo | None) -> Content:
    """Return a message with an uploaded picture."""
    return Content(
        imageMessage=ImageMessage(
            **_reference(upload),
            mimetype=media_type,
            caption=caption or None,
            contextInfo=context,
        )
    )


def document(
    upload: Any, file_name: str, media_type: str, caption: str, context: ContextInfo | None
) -> Content:
    """Return a message with an uploaded file."""
    return Content(
        documentMessage=DocumentMessage(
            **_reference(upload),
            mimetype=media_type,
            title=file_name,
            fileName=file_name,
            caption=caption or None,
            contextInfo=context,
        )
    )


def _reference(upload: Any) -> dict[str, Any]:
    return {
        "URL": upload.url,
        "directPath": upload.DirectPath,
        "mediaKey": upload.MediaKey,
        "fileEncSHA256": upload.FileEncSHA256,
        "fileSHA256": upload.FileSHA256,
        "fileLength": upload.FileLength,
    }
