"""Butler on WhatsApp: the daemon's side."""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from butler.access import Refusal
from butler.errors import TransportError
from butler.message import Message, Reply
from butler.records import Records
from butler.transports.whatsapp.account import read_account
from butler.transports.whatsapp.composing import Composing
from butler.transports.whatsapp.frames import (
    Acknowledge,
    Acknowledged,
    Frame,
    Ignored,
    Incoming,
    Limits,
    NotSent,
    Options,
    Retract,
    Send,
    Sent,
    Unreadable,
)
from butler.transports.whatsapp.link import Link, LinkState
from butler.transports.whatsapp.missed import Missed
from butler.transports.whatsapp.pacing import Pacing
from butler.transports.whatsapp.parts import parts

logger = logging.getLogger(__name__)

SEND_LIMIT_S = 600.0
"""A reply waits so long for WhatsApp to be reached again."""

MAX_MESSAGE_AGE_S = 900.0
MOST_PARTS = 5
DOCUMENT_NAME = "reply.txt"
CLOSE_LIMIT_S = 2.0

_Key = tuple[str, str, str]


class _RefusedError(TransportError):
    """The reply surely did not arrive."""


@dataclass(slots=True)
class _Turn:
    row: int
    replies: int = 0


@dataclass(frozen=True, slots=True)
class _Pending:
    request: Send
    message_id: asyncio.Future[str]


class WhatsAppTransport:
    """A linked account, served by a gateway process; a :class:`~butler.transport.Transport`.

    Leaving the block ends the gateway. If the link had to be given up, leaving raises a
    TransportError that says why.

    Args:
        folder: Where the account's credentials and the journal are.
        device_name: What the phone shows under "Linked devices".
        records: Where messages are noted that are not acted on.
        is_for_bot: Whether Butler would answer a message; only where it would, it says that one
            came too late or could not be read. The text of the latter is empty.
        max_message_age_s: Older messages are not acted on; None for no limit.
        pacing: How fast a chat is written to; None for no limit.
        send_limit_s: How long a reply waits for WhatsApp to be reached.
        limits: How long the gateway waits.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device_name: str,
        records: Records,
        is_for_bot: Callable[[Message], bool] = lambda _message: False,
        max_message_age_s: float | None = MAX_MESSAGE_AGE_S,
        pacing: Pacing | None = Pacing(),  # noqa: B008 - frozen
        send_limit_s: float = SEND_LIMIT_S,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        account = read_account(folder)
        self.owner_chat_id = account.chat_id if account else None
        self._records = records
        self._is_for_bot = is_for_bot
        self._max_age_s = math.inf if max_message_age_s is None else max_message_age_s
        self._send_limit_s = send_limit_s
        options = Options(str(folder.absolute()), device_name, limits, pacing)
        self._link = Link(options, self._take, self._ask_again)
        self._composing = Composing(self._link.send)
        self._missed = Missed(self._say, self._finish)
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._turns: dict[_Key, _Turn] = {}
        self._rows: dict[int, bool] = {}
        self._is_settled = asyncio.Event()
        self._is_settled.set()
        self._pending: dict[str, _Pending] = {}
        self._failure: TransportError | None = None
        self._holding: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._holding = asyncio.create_task(self._hold(), name="whatsapp")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._composing.close()
        self._missed.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S if self._failure is None else 0):
                await self._is_settled.wait()
        if self._holding is not None:
            self._holding.cancel()
            await asyncio.wait([self._holding])
        if exc is None and self._failure is not None:
            raise self._failure

    @property
    def state(self) -> LinkState:
        """How the link to WhatsApp is, since when and why."""
        return self._link.state

    @property
    def gateway_id(self) -> int | None:
        """The id of the gateway process, if there is one now."""
        return self._link.process_id

    async def messages(self) -> AsyncIterator[Message]:
        """Yield each message once, also if a new gateway hands it over again."""
        while (message := await self._messages.get()) is not None:
            self._composing.begin(message.chat_id)
            yield message

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Send ``reply``; return its id on WhatsApp, that of the first part if it is long.

        A reply to a message whose turn is not over is sent once, even if the turn is repeated.
        The text is sent in parts where it is long, and as a document where it is very long.

        Raises:
            TransportError: It was not sent, or nobody can say; it is not repeated.
        """
        text = reply.text.encode(errors="replace").decode()
        pieces = parts(text)
        file_name = reply.file_name
        if len(pieces) > MOST_PARTS and reply.edits is None:
            file_name = file_name or DOCUMENT_NAME
        if file_name:
            try:
                return await self._deliver(self._request(chat_id, reply, text, file_name))
            except _RefusedError as error:
                logger.warning("a document is sent in parts instead: %s", error)
        first, *others = pieces
        message_id = await self._deliver(self._request(chat_id, reply, first))
        for piece in others:
            await self._deliver(self._request(chat_id, Reply(piece, reply.answers), piece))
        return reply.edits or message_id

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Show that an answer is being worked on, or no longer."""
        if is_typing:
            self._composing.begin(chat_id)
        else:
            self._composing.end(chat_id)

    async def acknowledge(self, message: Message) -> None:
        """Say that the turn of ``message`` is over."""
        turn = self._turns.pop(_key(message), None)
        if turn is None:
            return
        self._composing.end(message.chat_id)
        self._finish(turn.row)

    def _finish(self, row: int) -> None:
        self._rows[row] = True
        self._is_settled.clear()
        self._link.send(Acknowledge(row))

    async def _say(self, chat_id: str, text: str, key: str) -> str:
        return await self._deliver(Send(key, chat_id, text))

    def _request(self, chat_id: str, reply: Reply, text: str, file_name: str | None = None) -> Send:
        return Send(self._reply_key(reply), chat_id, text, reply.answers, reply.edits, file_name)

    def _reply_key(self, reply: Reply) -> str:
        turn = self._turns.get(_key(reply.answers)) if reply.answers else None
        if turn is None:
            return secrets.token_hex(16)
        turn.replies += 1
        return f"{turn.row}.{turn.replies}"

    async def _deliver(self, request: Send) -> str:
        if self._failure is not None:
            raise TransportError(str(self._failure))
        pending = _Pending(request, asyncio.get_running_loop().create_future())
        self._pending[request.key] = pending
        self._link.send(request)
        try:
            async with asyncio.timeout(self._send_limit_s):
                return await pending.message_id
        except TimeoutError:
            raise TransportError(
                f"A reply was not sent within {self._send_limit_s:g} s, because WhatsApp could not "
                "be reached."
            ) from None
        finally:
            del self._pending[request.key]
            if pending.message_id.cancelled():
                self._link.send(Retract(request.key))

    async def _hold(self) -> None:
        try:
            await self._link.hold()
        except TransportError as error:
            self._failure = error
            for each in self._pending.values():
                each.message_id.set_exception(TransportError(str(error)))
        finally:
            self._messages.put_nowait(None)

    def _ask_again(self) -> None:
        for each in self._pending.values():
            self._link.send(each.request)

    def _take(self, frame: Frame) -> None:
        match frame:
            case Incoming():
                self._take_message(frame)
            case Ignored():
                self._records.ignored(frame.message, Refusal(frame.rule, frame.detail))
                if frame.row is not None:
                    self._link.send(Acknowledge(frame.row))
            case Unreadable():
                self._take_unreadable(frame)
            case Acknowledged():
                self._rows.pop(frame.row, None)
                if not any(self._rows.values()):
                    self._is_settled.set()
            case Sent() | NotSent():
                self._take_outcome(frame)

    def _take_outcome(self, frame: Sent | NotSent) -> None:
        pending = self._pending.get(frame.key)
        if pending is None or pending.message_id.done():
            return
        if isinstance(frame, Sent):
            pending.message_id.set_result(frame.id)
        else:
            error = TransportError if frame.may_have_arrived else _RefusedError
            pending.message_id.set_exception(error(frame.reason))

    def _take_message(self, frame: Incoming) -> None:
        if frame.row in self._rows:
            if self._rows[frame.row]:
                self._link.send(Acknowledge(frame.row))
            return
        key = _key(frame.message)
        if key in self._turns:
            self._records.ignored(frame.message, Refusal("duplicate", "in hand already"))
            self._link.send(Acknowledge(frame.row))
            return
        self._rows[frame.row] = False
        age_s = time.time() - frame.message.time
        if age_s > self._max_age_s:
            self._take_late(frame, age_s)
        else:
            self._turns[key] = _Turn(frame.row)
            self._messages.put_nowait(frame.message)

    def _take_late(self, frame: Incoming, age_s: float) -> None:
        self._records.ignored(frame.message, Refusal("too late", f"{age_s:.0f} s old"))
        if self._is_for_bot(frame.message):
            self._missed.add_late(frame.message.chat_id, frame.row)
        else:
            self._finish(frame.row)

    def _take_unreadable(self, frame: Unreadable) -> None:
        detail = "it did not come again" if frame.is_lost else "only the phone can show it"
        self._records.ignored(frame.message, Refusal("not readable", detail))
        if frame.is_lost and self._is_for_bot(frame.message):
            self._missed.ask_again(frame.message.chat_id, frame.message.id)


def _key(message: Message) -> _Key:
    return message.chat_id, str(message.sender), message.id
