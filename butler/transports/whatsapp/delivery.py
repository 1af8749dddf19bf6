"""Replies on their way to WhatsApp: each waits for what its gateway says became of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from butler.errors import TransportError
from butler.transports.whatsapp.frames import LastCall, NotSent, Retract, Send, Sent

SEND_LIMIT_S = 600.0
"""A reply waits so long for WhatsApp to be reached again."""

LAST_CALL_S = 5.0
"""And so long once Butler is about to end; a gateway waits shorter for what it has sent."""


class RefusedError(TransportError):
    """The reply surely did not arrive."""


@dataclass(frozen=True, slots=True)
class _Pending:
    request: Send
    message_id: asyncio.Future[str]
    limit: asyncio.Timeout


class Delivery:
    """The replies that were handed to a gateway and of which nothing is known yet.

    Args:
        send: Sends a frame to the gateway; lost if there is none.
        limit_s: How long a reply waits.
    """

    def __init__(self, send: Callable[[Send | Retract | LastCall], None], limit_s: float) -> None:
        self._send = send
        self._limit_s = limit_s
        self._pending: dict[str, _Pending] = {}
        self._failure: TransportError | None = None
        self._is_last_call = False

    async def deliver(self, request: Send) -> str:
        """Hand over a reply; return its id on WhatsApp once it was sent.

        Raises:
            RefusedError: It surely did not arrive.
            TransportError: It was not sent, or nobody can say; it is not repeated.
        """
        if self._failure is not None:
            raise TransportError(str(self._failure))
        limit = asyncio.timeout(self._limit_s)
        pending = _Pending(request, asyncio.get_running_loop().create_future(), limit)
        self._pending[request.key] = pending
        self._send(request)
        try:
            async with limit:
                return await pending.message_id
        except TimeoutError:
            raise TransportError(self._too_late()) from None
        finally:
            del self._pending[request.key]
            # At the end of Butler it is left to the gateway, or to the next one.
            if pending.message_id.cancelled() and not self._is_last_call:
                self._send(Retract(request.key))

    def call_last(self) -> None:
        """Wait no longer than needed, as Butler is about to end."""
        self._is_last_call = True
        self._limit_s = min(self._limit_s, LAST_CALL_S)
        self._send(LastCall())
        at = asyncio.get_running_loop().time() + self._limit_s
        for each in self._pending.values():
            if not each.message_id.done():
                each.limit.reschedule(min(at, each.limit.when() or at))

    def ask_again(self) -> None:
        """Hand all of them to a new gateway; its journal knows which were sent."""
        if self._is_last_call:
            self._send(LastCall())
        for each in self._pending.values():
            self._send(each.request)

    def _too_late(self) -> str:
        if self._is_last_call:
            return "A reply still waited for WhatsApp when Butler was asked to end."
        # Not "was not sent": it may be with the library, which says nothing until it is online.
        return f"A reply was given up after {self._limit_s:g} s, as WhatsApp could not be reached."

    def take(self, frame: Sent | NotSent) -> None:
        """Note what became of a reply."""
        pending = self._pending.get(frame.key)
        if pending is None or pending.message_id.done():
            return
        if isinstance(frame, Sent):
            pending.message_id.set_result(frame.id)
        else:
            error = TransportError if frame.may_have_arrived else RefusedError
            pending.message_id.set_exception(error(frame.reason))

    def fail(self, error: TransportError) -> None:
        """Give up those that wait, and those that come."""
        self._failure = error
        for each in self._pending.values():
            if not each.message_id.done():
                each.message_id.set_exception(TransportError(str(error)))
