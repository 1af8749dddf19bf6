"""Queries the names of chats in the background, with rate limiting."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from google.protobuf.message import (  # type: ignore[import-untyped]  # ships no types
    DecodeError,
)
from neonize.exc import NeonizeError

from butler.chat.message import Person
from butler.chat.text import readable
from butler.transports.whatsapp.gateway.receiving import persisted
from butler.transports.whatsapp.journal.database import Journal
from butler.transports.whatsapp.protocol.frames import ChatName, ToDaemon

if TYPE_CHECKING:
    from butler.transports.whatsapp.gateway.client import Client

ASK_LIMIT_S = 15.0
"""The library's own timeout is 75 s, on a thread of its own."""

PAUSE_S = 1.0
"""Gap between two queries, so that many chats do not cause a burst."""

_MOST_WANTED = 1_000


class GroupNames:
    """Queries the names of the chats that Butler writes to, each once a day at most.

    WhatsApp provides the subject of a group; the journal knows the person of a direct chat.

    Args:
        client: The library.
        journal: The store of names.
        tell: Sends a frame to the daemon.
        is_open: Set while WhatsApp can be queried.
    """

    def __init__(
        self,
        client: "Client",
        journal: Journal,
        tell: Callable[[ToDaemon], Awaitable[None]],
        is_open: asyncio.Event,
    ) -> None:
        self._client = client
        self._names = journal.names
        self._people = journal.people
        self._tell = tell
        self._is_open = is_open
        self._wanted: asyncio.Queue[str] = asyncio.Queue(_MOST_WANTED)
        self._learnt: dict[str, str] = {}

    def want(self, chat_id: str) -> None:
        """Schedule the query of a chat's name, if it is due; does not wait."""
        with suppress(asyncio.QueueFull):  # there will be a next time
            self._wanted.put_nowait(chat_id)

    def learnt(self, chat_id: str, subject: str) -> None:
        """Take the subject of a group that was queried for another reason; does not wait."""
        if len(self._learnt) < _MOST_WANTED:
            self._learnt[chat_id] = subject
            self.want(chat_id)

    async def learn(self) -> None:
        """Send the known names to the daemon, then new ones, forever."""
        for chat_id, name in (await persisted(self._names.known)).items():
            await self._tell(ChatName(chat_id, name))
        while True:
            chat_id = await self._wanted.get()
            if chat_id in self._learnt:
                await persisted(self._names.note_asked, chat_id)
                await self._keep(chat_id, readable(self._learnt.pop(chat_id)))
            elif await persisted(self._names.is_due, chat_id):
                await self._is_open.wait()
                await persisted(self._names.note_asked, chat_id)
                await self._ask(chat_id)
                await asyncio.sleep(PAUSE_S)

    async def _ask(self, chat_id: str) -> None:
        if chat_id.endswith("@g.us"):
            name = readable(await self._subject(chat_id))
        else:
            name = await persisted(self._number, chat_id)
        await self._keep(chat_id, name)

    async def _keep(self, chat_id: str, name: str) -> None:
        if name:
            await persisted(self._names.keep, chat_id, name)
            await self._tell(ChatName(chat_id, name))

    async def _subject(self, chat_id: str) -> str:
        # Decoration: not worth a line in the log, let alone a second attempt.
        with suppress(TimeoutError, NeonizeError, DecodeError, UnicodeDecodeError):
            async with asyncio.timeout(ASK_LIMIT_S):
                return await self._client.group_subject(chat_id)
        return ""

    def _number(self, chat_id: str) -> str:
        try:
            return self._people.complete(Person.parse(chat_id)).phone or ""
        except ValueError:
            return ""
