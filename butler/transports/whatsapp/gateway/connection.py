"""The connection to WhatsApp: tracked by the library's events and by polling."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from neonize.exc import NeonizeError
from neonize.proto.Neonize_pb2 import OfflineSyncPreview, StreamError

from butler.storage.pruning import boot_time
from butler.transports.whatsapp.gateway import exit_reasons
from butler.transports.whatsapp.gateway.events import Event
from butler.transports.whatsapp.protocol.frames import Connection, Ended, Limits, ToDaemon

if TYPE_CHECKING:
    from butler.transports.whatsapp.gateway.client import Client

logger = logging.getLogger(__name__)

CATCH_UP_LIMIT_S = 60.0
STOP_LIMIT_S = 2.0
ASLEEP_S = 60.0
"""After that, WhatsApp has probably closed the connection; the library finds out minutes later."""

_DELETION_S = 1.0
"""The library reports a logout before it deletes the credentials."""

_ENDINGS: dict[int, Callable[[bytes], Ended]] = {
    Event.LOGGED_OUT: lambda _event: exit_reasons.LOGGED_OUT,
    Event.REPLACED: lambda _event: exit_reasons.REPLACED,
    Event.OUTDATED: lambda _event: exit_reasons.OUTDATED,
    Event.BANNED: exit_reasons.banned,
    Event.CONNECT_FAILURE: exit_reasons.refused,
}


class ServerConnection:
    """The library's connection to WhatsApp.

    Args:
        client: The library.
        post: Sends a frame to the daemon.
        finish: Ends the gateway.
        limits: Its timeouts.
        is_busy: Whether a message has left and is not acknowledged yet.

    Attributes:
        is_open: Set while replies can be sent.
        is_settled: Cleared while the offline backlog arrives; its messages are better answered
            once all of them, with their edits, are there.
    """

    def __init__(
        self,
        client: "Client",
        post: Callable[[ToDaemon], None],
        finish: Callable[[Ended], None],
        limits: Limits,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self.is_open = asyncio.Event()
        self.is_settled = asyncio.Event()
        self.is_settled.set()
        self._client = client
        self._post = post
        self._finish = finish
        self._limits = limits
        self._is_busy = is_busy
        self._verdict: Ended | None = None
        self._is_silent = False
        self._last_up = self._now()

    def on_event(self, code: int, event: bytes) -> None:
        """Process an event that is not a message."""
        if code in _ENDINGS:
            self._verdict = self._verdict or _ENDINGS[code](event)
            delay_s = _DELETION_S if code == Event.LOGGED_OUT else 0.0
            asyncio.get_running_loop().call_later(delay_s, self._finish, self._verdict)
        elif code in (Event.CONNECTED, Event.KEEP_ALIVE_RESTORED):
            self._is_silent = False
            self._up()
        elif code == Event.KEEP_ALIVE_TIMEOUT:
            self._is_silent = True
            self._down("WhatsApp does not answer")
        elif code == Event.DISCONNECTED:
            # Until it reconnects, the library still reports itself as logged in.
            self._is_silent = True
            self._down("the connection was lost")
        elif code == Event.OFFLINE_PREVIEW:
            self._catch_up(OfflineSyncPreview.FromString(event).Total)
        elif code == Event.OFFLINE_COMPLETED:
            self._caught_up()
        elif code == Event.STREAM_ERROR:
            logger.warning("stream error %s", StreamError.FromString(event).Code)

    def _now(self) -> float:
        # Stands still while this process is frozen.
        return asyncio.get_running_loop().time()

    async def hold(self) -> None:
        """Connect, and detect an unexpected end of the library's connection."""
        try:
            # Shielded: to cancel it calls a function of the library that may never return.
            await asyncio.shield(await self._client.connect())
        except NeonizeError as error:
            reason = str(error)
            broke = "required field" in reason
            ended = exit_reasons.PUMP_ENDED if broke else exit_reasons.not_started(reason)
        else:
            ended = exit_reasons.PUMP_ENDED
        self._finish(self._verdict or ended)

    async def watch(self) -> None:
        """Poll the library, as not every failure has an event."""
        while True:
            began = boot_time()
            await asyncio.sleep(self._limits.poll_s)
            self._end_after_sleep(boot_time() - began - self._limits.poll_s)
            try:
                async with asyncio.timeout(self._limits.poll_limit_s):
                    is_up = await self._client.is_logged_in()
            except TimeoutError:
                return self._finish(self._verdict or exit_reasons.STUCK)
            if is_up and not self._is_silent:
                self._last_up = self._now()
                self._up()
            elif self._now() - self._last_up > self._limits.offline_s:
                return self._finish(self._verdict or exit_reasons.UNREACHABLE)
            else:
                self._down("the login is not complete yet")

    def _end_after_sleep(self, seconds: float) -> None:
        if seconds > ASLEEP_S and not self._is_busy():
            self._finish(self._verdict or exit_reasons.suspended(seconds))

    async def close(self) -> None:
        """Disconnect, if the library still responds."""
        with suppress(TimeoutError, NeonizeError):
            async with asyncio.timeout(STOP_LIMIT_S):
                await self._client.stop()

    def _up(self) -> None:
        self._post(Connection(is_up=True))
        if self.is_settled.is_set():
            self.is_open.set()

    def _down(self, detail: str) -> None:
        self.is_open.clear()
        self._post(Connection(is_up=False, detail=detail))

    def _catch_up(self, count: int) -> None:
        if count:
            self.is_settled.clear()
            self.is_open.clear()
            asyncio.get_running_loop().call_later(CATCH_UP_LIMIT_S, self._caught_up)

    def _caught_up(self) -> None:
        if not self.is_settled.is_set():
            self.is_settled.set()
            self.is_open.set()
