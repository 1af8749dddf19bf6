"""Turns that are over: first on record, then told to the gateway until it confirms them."""

import asyncio
from collections.abc import Callable, Iterable

from butler.transports.whatsapp.protocol.frames import Acknowledge


class Acknowledgements:
    """The rows whose turns are over and of which the gateway has not said that it knows.

    Args:
        send: Sends a frame to the gateway; lost if there is none.
        flush: Writes down what is on record; blocks.

    Attributes:
        is_settled: Set while there are none.
    """

    def __init__(self, send: Callable[[Acknowledge], None], flush: Callable[[], None]) -> None:
        self._send = send
        self._flush = flush
        self._rows: set[int] = set()
        self._news: list[int] = []
        self._has_news = asyncio.Event()
        self.is_settled = asyncio.Event()
        self.is_settled.set()

    def __contains__(self, row: int) -> bool:
        return row in self._rows

    def add(self, row: int) -> None:
        """Note that a turn is over; the gateway is told soon."""
        self._rows.add(row)
        self._news.append(row)
        self._has_news.set()
        self.is_settled.clear()

    def confirm(self, rows: Iterable[int]) -> None:
        """Note that the gateway will not hand these rows over again."""
        self._rows.difference_update(rows)
        if not self._rows:
            self.is_settled.set()

    def say_again(self) -> None:
        """Tell a new gateway, as the last one may not have known."""
        for row in sorted(self._rows):
            self.add(row)

    async def tell(self) -> None:
        """Tell the gateway, for ever; what a turn put on record is on disk before."""
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            rows, self._news = self._news, []
            await asyncio.to_thread(self._flush)
            self._send(Acknowledge(tuple(rows)))
