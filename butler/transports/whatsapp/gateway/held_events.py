"""Events that the library has confirmed to WhatsApp while the journal could not be written."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from butler.transports.whatsapp.gateway.receiving import RETRY_S
from butler.transports.whatsapp.journal.database import UnwritableError

PATIENCE_S = 5.0
"""For a journal that is only locked for a moment, as by a copy; no reason to disconnect."""


class HeldEvents:
    """The events that are in memory only, in order.

    Args:
        store: Writes an event to the journal; raises UnwritableError.
        loop: The loop of the gateway.
        on_patience_over: Called when events have been held for too long.

    Attributes:
        is_empty: Set while there are none.
    """

    def __init__(
        self,
        store: Callable[[bytes], None],
        loop: asyncio.AbstractEventLoop,
        on_patience_over: Callable[[], None],
    ) -> None:
        self._store = store
        self._loop = loop
        self._on_patience_over = on_patience_over
        self._events: deque[bytes] = deque()
        self._has_news = asyncio.Event()
        self.is_empty = asyncio.Event()
        self.is_empty.set()

    def __len__(self) -> int:
        return len(self._events)

    def keep(self, raw: bytes) -> None:
        """Write an event to the journal, or hold it; runs on the library's thread.

        Raises:
            DataError: The journal is damaged.
        """
        if self._events or not self._is_stored(raw):
            self._events.append(raw)
            self._loop.call_soon_threadsafe(self._note)

    def _is_stored(self, raw: bytes) -> bool:
        try:
            self._store(raw)
        except UnwritableError:
            return False
        return True

    def _note(self) -> None:
        self.is_empty.clear()
        self._has_news.set()

    async def write(self) -> None:
        """Write what is held as soon as possible, forever."""
        while True:
            await self._has_news.wait()
            give_up_at = time.monotonic() + PATIENCE_S
            while not self._written():
                await asyncio.sleep(RETRY_S)
                if time.monotonic() > give_up_at:
                    self._on_patience_over()
            self.is_empty.set()

    def _written(self) -> bool:
        """Write what is held; return whether that was all of it."""
        self._has_news.clear()
        while self._events and self._is_stored(self._events[0]):
            self._events.popleft()
        return not self._events
