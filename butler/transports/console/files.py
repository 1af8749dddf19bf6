"""Files of this machine as attachments, for the consoles."""

import asyncio
import errno
import hashlib
import re
from dataclasses import replace
from pathlib import Path

from butler.chat.content_type import HEAD_BYTES, content_type
from butler.chat.message import Attachment, Message
from butler.errors import UserError

_KINDS = {"image": "picture", "video": "video", "audio": "audio file"}
_NAMED = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|(\S+))')


async def attached(message: Message) -> Message:
    """Return a typed message without the files that it names by ``@path``, attached instead.

    A word that names no file stays as it is, such as ``@claude``.
    """
    if "@" not in message.text:
        return message
    return await asyncio.to_thread(_attached, message)


def _attached(message: Message) -> Message:
    found: list[Attachment] = []

    def take(match: re.Match[str]) -> str:
        path = Path(match[1] or match[2]).expanduser()
        if not path.is_file():
            return match[0]
        found.append(attachment(path))
        return ""

    text = _NAMED.sub(take, message.text).strip()
    return with_attachments(replace(message, text=text), found) if found else message


def with_attachments(message: Message, attachments: list[Attachment]) -> Message:
    """Return the message with these attachments."""
    return replace(message, media=attachments[0].kind, attachments=tuple(attachments))


def attachment(path: Path) -> Attachment:
    """Look at a file of this machine.

    Raises:
        OSError: It cannot be read, or is none: a device or a pipe has no end.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a file", str(path))
    with path.open("rb") as file:
        media_type = content_type(file.read(HEAD_BYTES))
    kind = _KINDS.get(media_type.partition("/")[0], "document")
    size = path.stat().st_size
    return Attachment(kind, path.name, media_type, size, path=path.absolute())


async def fetched(message: Message) -> tuple[Attachment, ...]:
    """Return the attachments of a message with the digests of their files.

    Raises:
        UserError: One cannot be read.
    """
    return tuple([await asyncio.to_thread(_fetched, each) for each in message.attachments])


def _fetched(found: Attachment) -> Attachment:
    try:
        with Path(found.path or found.name).open("rb") as file:
            return replace(found, digest=hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise UserError(f"{found.name} cannot be read: {error.strerror}.") from None
