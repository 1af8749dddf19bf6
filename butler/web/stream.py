"""Server-sent events: a part of a page, again and again."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

SLOW_AFTER_S = 10.0
"""Who does not read within this time is dropped."""

MOST_VIEWERS = 100
_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}


class Viewers:
    """Counts the open streams."""

    count = 0


class EventStream(Response):
    """Sends texts as they come, until the browser goes, or does not read.

    Args:
        texts: The texts; each replaces the last.
        viewers: The open streams, of which there is a maximum.
    """

    def __init__(self, texts: AsyncIterator[str], viewers: Viewers) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._texts = texts
        self._viewers = viewers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end."""
        if self._viewers.count >= MOST_VIEWERS:
            await Response("Too many pages are open.\n", 503)(scope, receive, send)
            return
        self._viewers.count += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._sent(send))
                gone = tasks.create_task(_gone(receive))
                await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
                sending.cancel()
                gone.cancel()
        finally:
            self._viewers.count -= 1

    async def _sent(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        try:
            async for text in self._texts:
                async with asyncio.timeout(SLOW_AFTER_S):
                    await send(
                        {"type": "http.response.body", "body": event(text), "more_body": True}
                    )
        except TimeoutError:
            return
        await send({"type": "http.response.body", "body": b""})


def event(text: str) -> bytes:
    """Return a text as an event."""
    lines = [f"data: {line}" for line in text.splitlines()] or ["data:"]
    return "\n".join([*lines, "", ""]).encode("utf-8", "replace")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
