"""How the gateway learns what chats are called: beside the messages, and without haste."""

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
"""The library waits for 75 s, on a thread of its own."""

PAUSE_S = 1.0
"""Between two questions, so that many chats at once are no burst of them."""

_MOST_WANTED = 1_000


class GroupNames:
    """Asks for the names of the chats that Butler writes to, each once a day at most.

    WhatsApp tells the subject of a group; who a direct chat is with stands in the journal.

    Args:
        client: The library.
        journal: Where the names are kept.
        tell: Sends a frame to the daemon.
        is_open: Set while WhatsApp can be asked.
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

    def want(self, chat_id: str) -> None:
        """Let the name of a chat be asked for, if that is due; does not wait."""
        with suppress(asyncio.QueueFull):  # there will be a next time
            self._wanted.put_nowait(chat_id)

    async def learn(self) -> None:
        """Tell the daemon the names that are known, then those that are learnt, for ever."""
        for chat_id, name in (await persisted(self._names.known)).items():
            await self._tell(ChatName(chat_id, name))
        while True:
            chat_id = await self._wanted.get()
            if await persisted(self._names.is_due, chat_id):
                await self._is_open.wait()
                await persisted(self._names.note_asked, chat_id)
                await self._ask(chat_id)
                await asyncio.sleep(PAUSE_S)

    async def _ask(self, chat_id: str) -> None:
        if chat_id.endswith("@g.us"):
            name = readable(await self._subject(chat_id))
        else:
            name = await persisted(self._number, chat_id)
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
