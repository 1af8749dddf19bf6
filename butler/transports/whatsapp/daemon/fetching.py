"""The files of messages, fetched by the gateway on request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from butler.chat.message import Attachment, Message
from butler.errors import UserError
from butler.transports.whatsapp.protocol.frames import Fetch, Fetched, NotFetched

LIMIT_S = 100.0
"""Longer than the gateway takes, also if it has to be restarted."""

_UNKNOWN = "The file of that message is no longer known. Send it again."
_TOO_LATE = "WhatsApp did not deliver the file in time. Send it again."


@dataclass(frozen=True, slots=True)
class MediaPlace:
    """The folder in which the files of messages are kept, and the largest size of one."""

    folder: Path
    max_bytes: int = 16_000_000


class Fetching:
    """Has the gateway fetch files; each is kept under its digest.

    Args:
        folder: Where the gateway puts them.
        send: Sends a frame to the gateway; dropped if there is none.
    """

    def __init__(self, folder: Path, send: Callable[[Fetch], None]) -> None:
        self._folder = folder
        self._send = send
        self._waiting: dict[int, asyncio.Future[Path]] = {}

    async def fetched(self, message: Message, row: int | None) -> tuple[Attachment, ...]:
        """Return the attachments of a message, each with its file.

        Args:
            message: The message.
            row: Its row in the journal; None if its turn is over.

        Raises:
            UserError: One cannot be had; the text says why.
        """
        return tuple([await self._one(each, row) for each in message.attachments])

    def take(self, frame: Fetched | NotFetched) -> None:
        """Register the outcome of a request."""
        waiting = self._waiting.get(frame.row)
        if waiting is None or waiting.done():
            return
        if isinstance(frame, Fetched):
            waiting.set_result(Path(frame.path))
        else:
            waiting.set_exception(UserError(frame.reason))

    def ask_again(self) -> None:
        """Repeat the open requests to a new gateway."""
        for row in self._waiting:
            self._send(Fetch(row))

    async def _one(self, attachment: Attachment, row: int | None) -> Attachment:
        path = self._folder / attachment.digest
        is_kept = attachment.digest != "" and await asyncio.to_thread(path.is_file)
        if is_kept:
            await asyncio.to_thread(path.touch)
        elif row is None:
            raise UserError(_UNKNOWN)
        else:
            path = await self._asked(row)
        size = (await asyncio.to_thread(path.stat)).st_size
        return replace(attachment, size=size, path=path)

    async def _asked(self, row: int) -> Path:
        waiting = self._waiting.setdefault(row, asyncio.get_running_loop().create_future())
        self._send(Fetch(row))
        try:
            async with asyncio.timeout(LIMIT_S):
                return await waiting
        except TimeoutError:
            raise UserError(_TOO_LATE) from None
        finally:
            self._waiting.pop(row, None)
