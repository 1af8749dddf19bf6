"""Files of messages: what a message says about its file, and how that is fetched.

The library would hold the whole file in memory several times, waits for ever, and overlooks files
in wrappers. A file is the AES-256-CBC of its content and ten bytes of an HMAC, under keys that
HKDF-SHA256 makes of the message's key (whatsmeow, download.go).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neonize.proto.Neonize_pb2 import Message as MessageEvent

from butler.chat.message import Attachment
from butler.errors import UserError
from butler.transports.whatsapp.gateway.contents import Body, body
from butler.transports.whatsapp.gateway.downloads import GONE, Download, download
from butler.transports.whatsapp.journal.inbox import Inbox
from butler.transports.whatsapp.protocol.frames import Fetch, Fetched, NotFetched

logger = logging.getLogger(__name__)

AT_A_TIME = 2

_MMS_TYPES = {
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "documentMessage": "document",
    "audioMessage": "audio",
    "stickerMessage": "image",
}


def attachments_of(found: Body) -> tuple[Attachment, ...]:
    """Return the file that a message brings, as its sender describes it."""
    if found.kind not in _MMS_TYPES:
        return ()
    part: Any = found.part
    name = str(part.fileName or part.title) if found.kind == "documentMessage" else ""
    seconds = float(part.seconds) if found.kind in {"audioMessage", "videoMessage"} else 0.0
    described = Attachment(
        *(found.media, name, str(part.mimetype), int(part.fileLength)),
        digest=bytes(part.fileSHA256).hex(),
        duration_s=seconds,
    )
    return (described,)


@dataclass(frozen=True, slots=True)
class MediaFolder:
    """Where files are kept, each under its digest, and how large one may be."""

    path: Path
    max_bytes: int


class Media:
    """Fetches the files of messages that the daemon asks for, two at a time.

    Args:
        inbox: Has the events of the messages.
        folder: Where the files go.
        post: Sends a frame to the daemon.
    """

    def __init__(
        self, inbox: Inbox, folder: MediaFolder, post: Callable[[Fetched | NotFetched], None]
    ) -> None:
        self._inbox = inbox
        self._folder = folder
        self._post = post
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_A_TIME)

    def ask(self, request: Fetch) -> None:
        """Fetch the file of a message, unless that is in progress."""
        if request.row not in self._tasks:
            task = asyncio.create_task(self._answer(request.row), name="file")
            self._tasks[request.row] = task
            task.add_done_callback(lambda _task: self._tasks.pop(request.row, None))

    async def _answer(self, row: int) -> None:
        try:
            async with self._slots:
                path = await asyncio.to_thread(self._fetched, row)
        except UserError as error:
            self._post(NotFetched(row, str(error)))
        except Exception:  # the boundary of a task that nobody awaits
            logger.exception("the file of message %d could not be fetched", row)
            self._post(NotFetched(row, "I could not fetch the file. The log has the details."))
        else:
            self._post(Fetched(row, str(path)))

    def _fetched(self, row: int) -> Path:
        event = self._inbox.event(row)
        if event is None:
            raise UserError(GONE)
        found = body(MessageEvent.FromString(event).Message)
        return download(_download(found), self._folder.path, self._folder.max_bytes)


def _download(found: Body) -> Download:
    part: Any = found.part
    return Download(
        *(_MMS_TYPES[found.kind], str(part.directPath), bytes(part.mediaKey)),
        *(bytes(part.fileSHA256), bytes(part.fileEncSHA256)),
    )
