"""The files that messages bring: which are fetched, and within which limits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from butler.chat.message import Attachment, Message
from butler.chat.transport import Transport
from butler.errors import UserError


@dataclass(frozen=True, slots=True)
class FileRules:
    """The limits of what is fetched: the size of a file, and the number of files at a time."""

    max_bytes: int = 16_000_000
    most: int = 10


def check(attachments: Iterable[Attachment], rules: FileRules) -> None:
    """Check files by what is announced, before any of them is fetched.

    Raises:
        UserError: One is too large, or there are too many.
    """
    found = list(attachments)
    if len(found) > rules.most:
        raise UserError(
            f"{len(found)} files are too many at a time: {rules.most} is the most. "
            "Send fewer, or a .zip file."
        )
    for each in found:
        if each.size > rules.max_bytes:
            raise UserError(
                f"The {each.kind} has {_megabytes(each.size)} MB, and "
                f"{_megabytes(rules.max_bytes)} MB is the most. Send a smaller one."
            )


async def with_files(
    transport: Transport, message: Message, parts: Sequence[Message], rules: FileRules
) -> Message:
    """Return a message with the files of its attachments.

    Args:
        transport: Where they come from.
        message: The message.
        parts: The messages as they came, of which it consists.
        rules: The limits.

    Raises:
        UserError: They exceed a limit, or one cannot be had; the text says why.
    """
    check(message.attachments, rules)
    fetched = [await transport.fetch(part) for part in parts]
    files = tuple(each for of_part in fetched for each in of_part)
    # Once more, as what was announced is the sender's claim.
    check(files, rules)
    return replace(message, attachments=files)


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f}".removesuffix(".0")
