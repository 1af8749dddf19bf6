"""What the library would otherwise fetch during a send, where it holds up every other chat."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.message import (  # type: ignore[import-untyped]  # ships no types
    DecodeError,
)
from neonize.exc import NeonizeError

from butler.transports.whatsapp.gateway.replies import is_picture
from butler.transports.whatsapp.gateway.send_errors import Failure, SendError, failure
from butler.transports.whatsapp.protocol.frames import Send

if TYPE_CHECKING:
    from butler.transports.whatsapp.gateway.client import Client

ANSWER_LIMIT_S = 10.0
"""For what WhatsApp usually answers within milliseconds."""

MOST_STUCK = 12
"""Each unanswered query occupies one of the gateway's threads for 75 s."""

UPLOAD_LIMIT_S = 60.0


class SilentChatError(Exception):
    """WhatsApp does not answer queries about the chat; nothing was sent to it."""


class Preparation:
    """The members of groups and the uploaded files of replies.

    Without its members, the library queries a group within the send, for up to 75 s. It remembers
    the answer as long as its process lives.

    Args:
        client: The library.
        on_subject: Called with a group and its subject.
    """

    def __init__(self, client: "Client", on_subject: Callable[[str, str], None]) -> None:
        self._client = client
        self._on_subject = on_subject
        self._known: set[str] = set()
        self._stuck: set[asyncio.Task[str]] = set()
        self._uploads: dict[str, Any] = {}

    def is_needed(self, request: Send) -> bool:
        """Return whether something is missing that the reply needs."""
        if request.file_name is not None and request.key not in self._uploads:
            return True
        return request.chat_id.endswith("@g.us") and request.chat_id not in self._known

    async def prepare(self, request: Send) -> None:
        """Fetch what is missing.

        Raises:
            SilentChatError: WhatsApp did not answer in time.
            SendError: There is no connection.
        """
        if request.chat_id.endswith("@g.us") and request.chat_id not in self._known:
            await self._learn_members(request.chat_id)
        if request.file_name is not None and request.key not in self._uploads:
            self._uploads[request.key] = await self._uploaded(request)

    def take_upload(self, key: str) -> Any:
        """Return the reference to an uploaded file.

        Raises:
            SendError: It was rejected.
        """
        upload = self._uploads.pop(key)
        if isinstance(upload, SendError):
            raise upload
        return upload

    async def _learn_members(self, chat_id: str) -> None:
        while len(self._stuck) >= MOST_STUCK:
            await asyncio.wait(self._stuck, return_when=asyncio.FIRST_COMPLETED)
        query = asyncio.create_task(self._client.group_subject(chat_id), name="group")
        await asyncio.wait([query], timeout=ANSWER_LIMIT_S)
        if not query.done():
            self._stuck.add(query)
            query.add_done_callback(self._unstuck)
            raise SilentChatError
        try:
            self._on_subject(chat_id, query.result())
        except NeonizeError as error:
            kind = failure(str(error))
            if kind is Failure.OFFLINE:
                raise SendError(str(error)) from error
            if kind is Failure.SILENT:
                raise SilentChatError from None
        except (DecodeError, UnicodeDecodeError):
            pass  # only the subject is unreadable
        # The send meets what else is wrong, and says it.
        self._known.add(chat_id)

    def _unstuck(self, query: asyncio.Task[str]) -> None:
        self._stuck.discard(query)
        if not query.cancelled():
            query.exception()  # nobody waits for it

    async def _uploaded(self, request: Send) -> Any:
        try:
            data = await asyncio.to_thread(_content, request)
            async with asyncio.timeout(UPLOAD_LIMIT_S):
                return await self._client.upload(data, is_picture=is_picture(request))
        except TimeoutError:
            return SendError("the upload timed out")
        except OSError as error:
            return SendError(f"no upload, as the file cannot be read: {error.strerror}")
        except SendError as error:
            return error


def _content(request: Send) -> bytes:
    return Path(request.attachment).read_bytes() if request.attachment else request.text.encode()
