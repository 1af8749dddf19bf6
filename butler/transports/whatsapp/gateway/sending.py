"""Sending: one reply at a time, none of them twice.

The library sends one message at a time, too, until WhatsApp has acknowledged it. Queries about a
chat are made before, for all chats at the same time.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content

from butler.logs import Subject, Traced, about
from butler.transports.whatsapp.gateway import exit_reasons
from butler.transports.whatsapp.gateway.acknowledgement_limit import AcknowledgementLimit
from butler.transports.whatsapp.gateway.composing import Composer
from butler.transports.whatsapp.gateway.lanes import Lanes
from butler.transports.whatsapp.gateway.pacing import PacedQueue, Pacer, Ranked
from butler.transports.whatsapp.gateway.preparation import Preparation, SilentChatError
from butler.transports.whatsapp.gateway.receiving import persisted
from butler.transports.whatsapp.gateway.send_errors import Failure, GatewayEnd, SendError, failure
from butler.transports.whatsapp.journal.database import Journal, UnwritableError
from butler.transports.whatsapp.journal.outbox import Outcome
from butler.transports.whatsapp.protocol.codec import ProtocolError, body_of, decoded
from butler.transports.whatsapp.protocol.frames import NotSent, Send, Sent, ToDaemon

if TYPE_CHECKING:
    from butler.transports.whatsapp.gateway.client import Client

logger = logging.getLogger(__name__)

LAST_CALL_S = 3.0
"""Timeout of WhatsApp's acknowledgement during shutdown; it usually takes milliseconds."""

_AGAIN_AFTER_S = 1.0


class Sender:
    """Sends replies in the order of the requests; where they have to wait, by rank.

    Args:
        client: The library.
        journal: The store of replies.
        tell: Sends a frame to the daemon.
        is_open: Set while replies can be sent.
        limit_s: Longest timeout of WhatsApp's acknowledgement.
        pacer: The rate limits.
        on_sent: Called with the chat of each sent reply.
        on_subject: Called with a group and its subject, as of now.
        on_set_aside: Called when the chats that are set aside have changed.
    """

    def __init__(
        self,
        client: "Client",
        journal: Journal,
        tell: Callable[[ToDaemon], Awaitable[None]],
        is_open: asyncio.Event,
        limit_s: float,
        pacer: Pacer,
        on_sent: Callable[[str], None] = lambda _chat_id: None,
        on_subject: Callable[[str, str], None] = lambda _chat_id, _subject: None,
        on_set_aside: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._outbox = journal.outbox
        self._tell = tell
        self._paced = PacedQueue(pacer)
        self._has_news = asyncio.Event()
        self._ready: asyncio.PriorityQueue[Ranked] = asyncio.PriorityQueue()
        self._retracted: set[str] = set()
        self._waiting: set[str] = set()
        self._is_open = is_open
        self._patience = AcknowledgementLimit(limit_s, journal.set_aside.has_lately_added)
        self._limit: asyncio.Timeout | None = None
        self._is_last_call = False
        self._free_at = 0.0
        self._gap_s = pacer.gap_s
        self._preparation = Preparation(client, on_subject)
        self._composer = Composer(journal.inbox, self._preparation)
        self._set_aside = journal.set_aside
        self._lanes = Lanes(self._ready.put_nowait)
        self._begun: dict[str, asyncio.Future[str]] = {}
        self._is_idle = False
        self._on_sent = on_sent
        self._on_set_aside = on_set_aside

    @property
    def is_busy(self) -> bool:
        """Whether a message has left and is not acknowledged yet."""
        return self._limit is not None

    @property
    def acknowledged_in_s(self) -> float | None:
        """How long WhatsApp usually takes to acknowledge a reply; None if unknown."""
        return self._patience.usual_s

    def ask(self, *parts: Send) -> None:
        """Send this to its chat when its slot comes, even if the daemon is gone by then."""
        # Send it even if it cannot be stored on a full disk.
        with suppress(UnwritableError):
            if len(parts) == 1 and self._begins_at_once(parts[0]):
                return
            self._outbox.ask(parts[0].chat_id, [(each.key, body_of(each)) for each in parts])
        for each in parts:
            self._queue(each)

    async def resume(self) -> None:
        """Resume the requests to an earlier gateway; call it before the first new request."""
        for key, body in await persisted(self._outbox.waiting):
            try:
                request = decoded(body)
            except ProtocolError:
                request = None
            if isinstance(request, Send):
                self._queue(request)
            else:
                logger.error("reply %s in the journal cannot be read", key)
                await persisted(self._outbox.drop, key)

    def retract(self, key: str) -> None:
        """Cancel this reply if its sending has not started."""
        if key in self._waiting:
            self._retracted.add(key)
            if (ranked := self._paced.take(key) or self._lanes.take(key)) is not None:
                self._ready.put_nowait(ranked)

    def call_last(self) -> None:
        """Shorten the timeout of acknowledgements for the shutdown."""
        self._is_last_call = True
        self._patience.shorten(LAST_CALL_S)
        if self._limit is not None:
            at = asyncio.get_running_loop().time() + self._patience.seconds
            self._limit.reschedule(min(at, self._limit.when() or at))

    async def pace(self) -> None:
        """Release each reply when the rate limit of its chat allows, forever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._is_open.wait()
            self._has_news.clear()
            for ranked in self._paced.due(loop.time()):
                self._ready.put_nowait(ranked)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._paced.wait_s(loop.time())):
                    await self._has_news.wait()

    async def send_all(self) -> None:
        """Send released replies, forever or until the last one goes unacknowledged.

        Raises:
            GatewayEnd: A reply was not acknowledged in time, and there was no last call.
        """
        try:
            while True:
                self._is_idle = self._ready.empty()
                ranked = await self._ready.get()
                self._is_idle = False
                with about(_subject(ranked.request)):
                    await self._take_up(ranked)
        except GatewayEnd:
            # The library blocks all replies after such a one; but this gateway still has to
            # store acknowledgements.
            if not self._is_last_call:
                raise
        finally:
            self._lanes.stop()

    def _queue(self, request: Send) -> None:
        if request.key not in self._waiting:
            self._waiting.add(request.key)
            self._paced.put(request)
            self._has_news.set()

    def _begins_at_once(self, request: Send) -> bool:
        """Begin to send a new reply that nothing and nobody waits before, in one step.

        Raises:
            UnwritableError: It cannot be stored at the moment.
        """
        now = asyncio.get_running_loop().time()
        is_idle = self._is_idle and self._ready.empty()
        if not is_idle or not self._is_open.is_set() or self._must_wait(request):
            return False
        if request.follows is not None or request.file_name is not None:
            return False
        if time.monotonic() < self._free_at or not self._paced.is_free(request.chat_id, now):
            return False
        content = self._composer.content(request)
        if not self._outbox.begin_new(request.key, request.chat_id):
            return False
        self._is_idle = False
        self._begun[request.key] = self._called(request, content)
        self._waiting.add(request.key)
        self._ready.put_nowait(self._paced.counted(request, now))
        return True

    def _must_wait(self, request: Send) -> bool:
        return (
            request.chat_id in self._lanes
            or self._preparation.is_needed(request)
            or self._set_aside.wait_s(request.chat_id) > 0
        )

    async def _take_up(self, ranked: Ranked) -> None:
        """Send a released reply, or let it wait behind what its chat waits for."""
        request = ranked.request
        if request.key in self._begun:
            return await self._settle(request, await self._send(ranked))
        known = await persisted(self._outbox.outcome, request.key)
        if known is not None or request.key in self._retracted:
            await self._settle(request, known or await self._needless(request))
        elif request.chat_id in self._lanes:
            self._lanes.put(ranked)
        elif self._must_wait(request):
            self._lanes.close(ranked, self._prepared(request))
        else:
            await self._settle(request, await self._send(ranked))
        return None

    async def _prepared(self, request: Send) -> None:
        """Wait until the chat may be written to, and nothing is missing for it."""
        while True:
            await asyncio.sleep(self._set_aside.wait_s(request.chat_id))
            await self._is_open.wait()
            try:
                return await self._preparation.prepare(request)
            except SilentChatError:
                await self._put_aside(request.chat_id)
            except SendError:
                self._is_open.clear()

    async def _put_aside(self, chat_id: str) -> None:
        await persisted(self._set_aside.add, chat_id)
        wait_s = self._set_aside.wait_s(chat_id)
        logger.warning("WhatsApp does not answer for %s: set aside for %.0f s", chat_id, wait_s)
        self._on_set_aside()

    async def _settle(self, request: Send, outcome: Outcome | str | None) -> None:
        if outcome is None:
            return
        self._waiting.discard(request.key)
        self._retracted.discard(request.key)
        await self._tell(_answer(request.key, outcome))
        if isinstance(outcome, Outcome) and outcome.message_id is not None:
            self._on_sent(request.chat_id)

    async def _send(self, ranked: Ranked) -> Outcome | str | None:
        """Return the outcome, or why it was not sent; None if it waits again."""
        request, may_repeat = ranked.request, True
        while True:
            if request.key not in self._begun:
                await self._is_open.wait()
                if (reason := await self._needless(request)) is not None:
                    return reason
            try:
                return await self._sent(request, await self._attempt(request))
            except SendError as error:
                reason = str(error)
            kind = failure(reason)
            if kind is Failure.OFFLINE:
                await self._wait_on(request)
                self._is_open.clear()
            elif kind is Failure.STALE and may_repeat:
                await self._wait_on(request)
                may_repeat = False
                await asyncio.sleep(_AGAIN_AFTER_S)
            else:
                return await self._not_sent(ranked, kind, reason)

    async def _sent(self, request: Send, message_id: str) -> Outcome:
        await persisted(self._outbox.sent, request.key, message_id)
        logger.debug("reply %s was sent as %s", request.key, message_id)
        if await persisted(self._set_aside.remove, request.chat_id):
            self._on_set_aside()
        return Outcome(message_id)

    async def _not_sent(self, ranked: Ranked, kind: Failure, reason: str) -> Outcome | str | None:
        request = ranked.request
        if kind is Failure.UNKNOWN:
            return await self._unknown(request, reason)
        if kind is Failure.SILENT:
            await self._wait_on(request)
            await self._put_aside(request.chat_id)
            self._ready.put_nowait(ranked)
            return None
        await persisted(self._outbox.failed, request.key, reason)
        return reason

    async def _wait_on(self, request: Send) -> None:
        await persisted(self._outbox.wait_on, request.key, body_of(request))

    async def _needless(self, request: Send) -> str | None:
        """Return why this must no longer be sent; None if it may."""
        if request.key in self._retracted:
            await persisted(self._outbox.drop, request.key)
            return "it was cancelled"
        if request.follows is None or not await persisted(self._outbox.has_failed, request.follows):
            return None
        reason = "the part before it was rejected"
        await persisted(self._outbox.failed, request.key, reason)
        return reason

    async def _attempt(self, request: Send) -> str:
        call = self._begun.pop(request.key, None)
        if call is None:
            content = await persisted(self._composer.content, request)
            await asyncio.sleep(self._free_at - time.monotonic())
            await persisted(self._outbox.begin, request.key, request.chat_id)
            call = self._called(request, content)
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._patience.seconds) as self._limit:
                # A call of the library cannot be cancelled.
                message_id = await asyncio.shield(call)
            self._patience.note(asyncio.get_running_loop().time() - began)
            return message_id
        except TimeoutError:
            outcome = await self._unknown(request, "WhatsApp did not acknowledge it in time")
            await self._put_aside(request.chat_id)
            await self._tell(_answer(request.key, outcome))
            raise GatewayEnd(exit_reasons.UNANSWERED) from None
        finally:
            self._limit = None
            self._free_at = time.monotonic() + self._gap_s

    def _called(self, request: Send, content: Content) -> "asyncio.Future[str]":
        return asyncio.ensure_future(self._client.send(request.chat_id, content))

    async def _unknown(self, request: Send, reason: str) -> Outcome:
        await persisted(self._outbox.unknown, request.key, reason)
        return Outcome(None, reason)


def _subject(request: Send) -> Traced:
    """Return the message that a reply answers, else its chat."""
    return request.answers or Subject(request.chat_id)


def _answer(key: str, outcome: Outcome | str) -> Sent | NotSent:
    if isinstance(outcome, str):
        return NotSent(key, f"WhatsApp rejected a reply: {outcome}.")
    if outcome.message_id is None:
        reason = f"A reply may or may not have arrived, so it is not retried: {outcome.reason}."
        return NotSent(key, reason, may_have_arrived=True)
    return Sent(key, outcome.message_id)
