"""Acknowledgements: recorded first, then sent to the gateway until it confirms them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from butler.transports.whatsapp.protocol.frames import Acknowledge


class Acknowledgements:
    """The rows whose turns have ended but which the gateway has not confirmed.

    Args:
        send: Sends a frame to the gateway; dropped if there is none.
        flush: Writes the pending records to disk.

    Attributes:
        is_settled: Set while no rows are pending.
    """

    def __init__(
        self, send: Callable[[Acknowledge], None], flush: Callable[[], Awaitable[None]]
    ) -> None:
        self._send = send
        self._flush = flush
        self._rows: dict[int, bool] = {}
        self._news: list[int] = []
        self._has_news = asyncio.Event()
        self.is_settled = asyncio.Event()
        self.is_settled.set()

    def __contains__(self, row: int) -> bool:
        return row in self._rows

    def add(self, row: int, *, had_effect: bool = True) -> None:
        """Acknowledge the end of a turn; the gateway is notified soon."""
        self._rows[row] = had_effect
        self._news.append(row)
        self._has_news.set()
        self.is_settled.clear()

    def confirm(self, rows: Iterable[int]) -> None:
        """Register the gateway's confirmation that it will not deliver these rows again."""
        for row in rows:
            self._rows.pop(row, None)
        if not self._rows:
            self.is_settled.set()

    def say_again(self) -> None:
        """Repeat all pending acknowledgements to a new gateway."""
        for row, had_effect in sorted(self._rows.items()):
            self.add(row, had_effect=had_effect)

    async def tell(self) -> None:
        """Send acknowledgements to the gateway, forever; flush the records of the turns first."""
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            rows, self._news = self._news, []
            await self._flush()
            idle = frozenset(row for row in rows if not self._rows.get(row, True))
            self._send(Acknowledge(tuple(rows), idle))
