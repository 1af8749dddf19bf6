"""Undecryptable messages: most are sent again automatically, the others are reported."""

import asyncio
import logging
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

logger = logging.getLogger(__name__)

DEAF_AFTER = 3
"""Number of consecutive undecryptable messages that are no longer the fault of their senders."""


class UndecryptableMessages:
    """The messages that are expected to be sent again.

    Args:
        inbox: Contains them once they have arrived.
        tell: Sends a frame to the daemon.
        wait_s: Timeout; the library itself asks for them.
        report: Called with the number of those that stayed undecryptable, and whether no message
            can be decrypted any longer.

    Attributes:
        in_a_row: How many stayed undecryptable since the last one that did not.
    """

    def __init__(
        self,
        inbox: Inbox,
        tell: Callable[[ToDaemon], Awaitable[None]],
        wait_s: float,
        report: Callable[[int, bool], None] = lambda _count, _is_deaf: None,
    ) -> None:
        self._inbox = inbox
        self._tell = tell
        self._wait_s = wait_s
        self._report = report
        self._count = 0
        self.in_a_row = 0
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

    def note_readable(self) -> None:
        """Note that a message could be decrypted."""
        self.in_a_row = 0
        self._report(self._count, False)

    async def report(self, translator: Translator) -> None:
        """Report those that were not sent again to the daemon, forever."""
        while True:
            failure = await self._due.get()
            self._expected.discard(key(failure.Info))
            if not await persisted(self._inbox.has, key(failure.Info)):
                event = MessageEvent(Info=failure.Info, Message=Content())
                self._note_lost(is_lost=not failure.IsUnavailable)
                message = await persisted(translator.message, event)
                await self._tell(Unreadable(message, is_lost=not failure.IsUnavailable))

    def _note_lost(self, *, is_lost: bool) -> None:
        if not is_lost:
            return
        self._count += 1
        self.in_a_row += 1
        if self.in_a_row == DEAF_AFTER:
            logger.warning(
                "No message can be decrypted any longer (%d in a row). If it stays so, link the "
                "account again: butler unlink, then butler pair",
                DEAF_AFTER,
            )
        self._report(self._count, self.in_a_row >= DEAF_AFTER)
