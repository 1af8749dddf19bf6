"""Undecryptable messages: most are sent again automatically, the others are reported."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from neonize.proto.Neonize_pb2 import Message as MessageEvent
from neonize.proto.Neonize_pb2 import UndecryptableMessage
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content

from butler.transports.whatsapp.gateway.receiving import persisted
from butler.transports.whatsapp.gateway.refusals import unanswered
from butler.transports.whatsapp.gateway.translation import Translator, key
from butler.transports.whatsapp.journal.inbox import Inbox, Key
from butler.transports.whatsapp.protocol.frames import ToDaemon, Unreadable


class UndecryptableMessages:
    """The messages that are expected to be sent again.

    Args:
        inbox: Contains them once they have arrived.
        tell: Sends a frame to the daemon.
        wait_s: Timeout; the library itself asks for them.
    """

    def __init__(
        self, inbox: Inbox, tell: Callable[[ToDaemon], Awaitable[None]], wait_s: float
    ) -> None:
        self._inbox = inbox
        self._tell = tell
        self._wait_s = wait_s
        self._expected: set[Key] = set()
        self._due: asyncio.Queue[Any] = asyncio.Queue()

    def expect(self, event: bytes) -> None:
        """Register a message that could not be decrypted."""
        failure = UndecryptableMessage.FromString(event)
        is_decoration = failure.DecryptFailMode == UndecryptableMessage.DECRYPT_FAIL_HIDE
        if is_decoration or unanswered(failure.Info) or key(failure.Info) in self._expected:
            return
        self._expected.add(key(failure.Info))
        loop = asyncio.get_running_loop()
        loop.call_later(self._wait_s, self._due.put_nowait, failure)

    async def report(self, translator: Translator) -> None:
        """Report those that were not sent again to the daemon, forever."""
        while True:
            failure = await self._due.get()
            self._expected.discard(key(failure.Info))
            if not await persisted(self._inbox.has, key(failure.Info)):
                event = MessageEvent(Info=failure.Info, Message=Content())
                message = await persisted(translator.message, event)
                await self._tell(Unreadable(message, is_lost=not failure.IsUnavailable))
