"""Albums: files that one person sends in a row are one message."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from butler.chat.message import Message

GATHER_S = 3.0
"""How long more files of the same person are waited for."""

MOST_PARTS = 30
_ALONE = frozenset({"voice message", "sticker"})


def may_be_part(message: Message) -> bool:
    """Return whether more files may belong to a message."""
    return bool(message.attachments) and all(
        each.kind not in _ALONE for each in message.attachments
    )


class Album:
    """Messages with files that are handled as one, in the turn of the first.

    Attributes:
        parts: The messages.
        had_effect: What came of it; None if that is not known here.
    """

    def __init__(self, first: Message) -> None:
        self.parts = [first]
        self.had_effect: bool | None = None
        self._is_over = asyncio.Event()
        self._has_news = asyncio.Event()
        self._latest_at = asyncio.get_running_loop().time()
        self.is_open = True

    def add(self, part: Message) -> None:
        """Add a message."""
        self.parts.append(part)
        self._latest_at = asyncio.get_running_loop().time()
        self._has_news.set()

    async def completed(self, gather_s: float) -> Message:
        """Wait until no more files come; return all of it as one message."""
        while self.is_open and len(self.parts) < MOST_PARTS:
            self._has_news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._latest_at + gather_s):
                    await self._has_news.wait()
            self.is_open = self._has_news.is_set()
        self.is_open = False
        return joined(self.parts)

    def end(self, *, had_effect: bool | None) -> None:
        """Note that it was handled."""
        self.is_open = False
        self.had_effect = had_effect
        self._is_over.set()

    async def over(self) -> bool | None:
        """Wait until it was handled; return what came of it."""
        await self._is_over.wait()
        return self.had_effect


class Albums:
    """The albums whose turn is not over.

    Args:
        gather_s: How long more files are waited for.
    """

    def __init__(self, gather_s: float = GATHER_S) -> None:
        self._gather_s = gather_s
        self._latest: dict[tuple[str, str], Album] = {}
        self._by_first: dict[tuple[str, str], Album] = {}

    def joined_by(self, message: Message) -> Album | None:
        """Return the album that a message joins; None if it is not part of an earlier one.

        Only one message of an album has text.
        """
        album = self._latest.get(_key(message))
        if album is None or not album.is_open or not may_be_part(message):
            return None
        if message.text.strip() and any(part.text.strip() for part in album.parts):
            return None
        album.add(message)
        return album

    async def completed(self, first: Message) -> Message:
        """Return the whole album that begins with a message, once it is complete."""
        album = self._of(first)
        return first if album is None else await album.completed(self._gather_s)

    def parts(self, first: Message) -> list[Message]:
        """Return the messages of the album that begins with this one; it may be the only one."""
        album = self._of(first)
        return [first] if album is None else album.parts

    def _of(self, first: Message) -> Album | None:
        return self._by_first.get((first.chat_id, first.id))

    @contextmanager
    def begun_by(self, message: Message) -> Iterator[Album]:
        """Let others join this message while the block runs, if it is one that has more parts."""
        album = Album(message)
        album.is_open = may_be_part(message)
        self._latest[_key(message)] = self._by_first[message.chat_id, message.id] = album
        try:
            yield album
        finally:
            album.end(had_effect=album.had_effect)
            self._by_first.pop((message.chat_id, message.id), None)
            if self._latest.get(_key(message)) is album:
                del self._latest[_key(message)]


def joined(parts: Sequence[Message]) -> Message:
    """Return several messages as one, with the text of the one that has any."""
    with_text = next((part for part in parts if part.text.strip()), parts[0])
    return replace(
        parts[0],
        text=with_text.text,
        quoted_id=next((part.quoted_id for part in parts if part.quoted_id), None),
        quoted_sender=next((part.quoted_sender for part in parts if part.quoted_sender), None),
        is_to_bot=any(part.is_to_bot for part in parts),
        attachments=tuple(each for part in parts for each in part.attachments),
    )


def _key(message: Message) -> tuple[str, str]:
    return message.chat_id, str(message.sender)
