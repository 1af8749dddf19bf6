"""Delivery of replies: each one waits for its outcome from the gateway."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from butler.chat.message import Message, Reply
from butler.errors import TransportError
from butler.transports.whatsapp.daemon.splitting import fewer
from butler.transports.whatsapp.daemon.turns import Turns
from butler.transports.whatsapp.protocol.frames import (
    MOST_QUOTED_CHARS,
    LastCall,
    NotSent,
    Rank,
    Retract,
    Send,
    SendAll,
    Sent,
)

SEND_LIMIT_S = 600.0
"""Timeout of a reply while WhatsApp cannot be reached."""

LAST_CALL_S = 5.0
"""Timeout during shutdown; longer than the gateway waits for sent replies."""


class RefusedError(TransportError):
    """The reply certainly did not arrive."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A part of a reply, and the number of parts."""

    parts: Sequence[Send]
    request: Send
    message_id: asyncio.Future[str]
    limit: asyncio.Timeout


class Delivery:
    """The replies handed to a gateway whose outcome is still unknown.

    Args:
        send: Sends a frame to the gateway; dropped if there is none.
        limit_s: Timeout of a reply; none for those that wait for the link however long.
    """

    def __init__(
        self, send: Callable[[Send | SendAll | Retract | LastCall], None], limit_s: float
    ) -> None:
        self._send = send
        self._limit_s = limit_s
        self._pending: dict[str, _Pending] = {}
        self._failure: TransportError | None = None
        self._is_last_call = False

    async def deliver(self, request: Send, *, waits: bool = False) -> str:
        """Hand over a reply; return its WhatsApp id once it was sent.

        Raises:
            RefusedError: It certainly did not arrive.
            TransportError: It was not sent, or the outcome is unknown; it is not retried.
        """
        return await self.deliver_all([request], waits=waits)

    async def deliver_all(self, parts: Sequence[Send], *, waits: bool = False) -> str:
        """Hand over the parts of one text; return the id of the first once all were sent.

        With ``waits`` there is no timeout while WhatsApp cannot be reached.

        Raises:
            RefusedError: One of them certainly did not arrive, nor did the parts after it.
            TransportError: One was not sent, or the outcome is unknown; it is not retried.
        """
        if self._failure is not None:
            raise TransportError(str(self._failure), "link")
        limit_s = None if waits and not self._is_last_call else self._limit_s
        pending: list[_Pending] = []
        try:
            async with asyncio.timeout(limit_s) as limit:
                pending = self._handed_over(parts, limit)
                outcomes = await asyncio.gather(
                    *(each.message_id for each in pending), return_exceptions=True
                )
        except TimeoutError:
            raise TransportError(self._too_late(), "given up") from None
        finally:
            for each in pending:
                self._let_go(each)
        return _first_id(outcomes)

    def _handed_over(self, parts: Sequence[Send], limit: asyncio.Timeout) -> list[_Pending]:
        loop = asyncio.get_running_loop()
        pending = [_Pending(parts, each, loop.create_future(), limit) for each in parts]
        self._pending.update((each.request.key, each) for each in pending)
        self._hand_over(parts)
        return pending

    def call_last(self) -> None:
        """Shorten the timeouts for the shutdown."""
        self._is_last_call = True
        self._limit_s = min(self._limit_s, LAST_CALL_S)
        self._send(LastCall())
        at = asyncio.get_running_loop().time() + self._limit_s
        for each in self._pending.values():
            if not each.message_id.done():
                each.limit.reschedule(min(at, each.limit.when() or at))

    def ask_again(self) -> None:
        """Resend all of them to a new gateway, which deduplicates by its journal."""
        if self._is_last_call:
            self._send(LastCall())
        for _parts, pending in groupby(self._pending.values(), key=lambda each: id(each.parts)):
            self._hand_over([each.request for each in pending if not each.message_id.done()])

    def _hand_over(self, parts: Sequence[Send]) -> None:
        if len(parts) == 1:
            self._send(parts[0])
        elif parts:
            self._send(SendAll(tuple(parts)))

    def _let_go(self, pending: _Pending) -> None:
        del self._pending[pending.request.key]
        # During shutdown, leave it to the gateway, or to the next one.
        if pending.message_id.cancelled() and not self._is_last_call:
            self._send(Retract(pending.request.key))

    def _too_late(self) -> str:
        if self._is_last_call:
            return "A reply was still waiting for WhatsApp when Butler was stopped."
        # Not "was not sent": the library may hold it until it is online.
        return f"A reply was given up after {self._limit_s:g} s, as WhatsApp could not be reached."

    def take(self, frame: Sent | NotSent) -> None:
        """Register the outcome of a reply."""
        pending = self._pending.get(frame.key)
        if pending is None or pending.message_id.done():
            return
        if isinstance(frame, Sent):
            pending.message_id.set_result(frame.id)
        else:
            error = (
                TransportError(frame.reason)
                if frame.may_have_arrived
                else RefusedError(frame.reason, "refused")
            )
            pending.message_id.set_exception(error)

    def fail(self, error: TransportError) -> None:
        """Fail all pending and future replies."""
        self._failure = error
        for each in self._pending.values():
            if not each.message_id.done():
                each.message_id.set_exception(TransportError(str(error), "link"))


def _first_id(outcomes: Sequence[str | BaseException]) -> str:
    for each in outcomes:
        if isinstance(each, BaseException):
            raise each
    return str(outcomes[0])


def whole(
    turns: Turns, chat_id: str, reply: Reply, text: str, file_name: str | None = None
) -> Send:
    """Return the request for a reply in one piece, as a document if it has a name."""
    key = reply.key or turns.reply_key(reply.answers)
    if reply.key and file_name:
        key = f"{key}.file"
    is_ringing = chat_id.endswith("@g.us") and reply.edits is None
    return Send(
        *(key, chat_id, text),
        *(_quoted(reply.answers), reply.edits, file_name),
        rank=_rank(reply),
        mentions=reply.mentions if is_ringing else (),
    )


def in_parts(turns: Turns, chat_id: str, reply: Reply, pieces: Sequence[str]) -> list[Send]:
    """Return the requests for the parts of a reply; only the first can be an edit."""
    first, *others = fewer(pieces)
    found = [whole(turns, chat_id, reply, first)]
    for number, piece in enumerate(others, start=2):
        key = reply.key and f"{reply.key}.{number}"
        rest = reply._replace(edits=None, mentions=(), key=key)
        part = whole(turns, chat_id, rest, piece)
        found.append(replace(part, follows=found[-1].key, rank=found[0].rank))
    return found


def _rank(reply: Reply) -> Rank:
    if reply.is_urgent:
        return Rank.URGENT
    return Rank.MESSAGE if reply.edits is None else Rank.EDIT


def _quoted(message: Message | None) -> Message | None:
    return message and replace(message, text=message.text[:MOST_QUOTED_CHARS], attachments=())
