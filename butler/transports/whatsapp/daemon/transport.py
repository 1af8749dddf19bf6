"""The WhatsApp transport: the daemon's side."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from butler.access.rules import Refusal
from butler.chat.message import Attachment, Message, Reply
from butler.chat.text import duration
from butler.errors import TransportError
from butler.records.model import Records
from butler.storage.files import private_folder
from butler.transports.whatsapp.account import read_account
from butler.transports.whatsapp.daemon.acknowledgements import Acknowledgements
from butler.transports.whatsapp.daemon.delivery import (
    SEND_LIMIT_S,
    Delivery,
    RefusedError,
    in_parts,
    whole,
)
from butler.transports.whatsapp.daemon.fetching import Fetching, MediaPlace
from butler.transports.whatsapp.daemon.notices import (
    ASK_AGAIN,
    ASK_FOR_EDITED,
    ONLY_ON_PHONE,
    Notices,
)
from butler.transports.whatsapp.daemon.outgoing import copied
from butler.transports.whatsapp.daemon.spawning import Spawned
from butler.transports.whatsapp.daemon.splitting import bounded, bounded_document, parts
from butler.transports.whatsapp.daemon.started_marks import FILE_NAME, StartedMarks
from butler.transports.whatsapp.daemon.supervisor import LinkState, Supervisor
from butler.transports.whatsapp.daemon.turns import Turns, place
from butler.transports.whatsapp.daemon.typing_indicator import TypingIndicator
from butler.transports.whatsapp.protocol.frames import (
    EDITED_TOO_LATE,
    UNREADABLE_EDIT,
    WITHDRAWN,
    Acknowledged,
    ChatName,
    Fetched,
    Frame,
    Ignored,
    Incoming,
    Limits,
    NotFetched,
    NotSent,
    Options,
    Pacing,
    Sent,
    Unreadable,
)

logger = logging.getLogger(__name__)

MAX_MESSAGE_AGE_S = 900.0
MOST_PARTS = 5
DOCUMENT_NAME = "reply.txt"
CLOSE_LIMIT_S = 2.0
INTERRUPTED = Refusal("interrupted", "Butler was killed during its turn, so it is not retried")


class WhatsAppTransport:
    """A linked account, served by a gateway process; a ``Transport``.

    Leaving the block ends the gateway. If the link was lost for good, leaving raises a
    TransportError that says why.

    Args:
        folder: The folder of the account's credentials and the journal.
        device_name: The name that the phone shows under "Linked devices".
        records: The log of ignored messages.
        is_for_bot: Whether Butler would answer a message; only then a notice is sent if it
            arrives late or cannot be read. The text of an unreadable message is empty.
        max_message_age_s: Maximum age of handled messages; None for no limit.
        pacing: Rate limit of outgoing messages; None for no limit.
        send_limit_s: Timeout of a reply while WhatsApp cannot be reached.
        limits: Timeouts of the gateway.
        spawned: The process of the first gateway, if it was started before.
        media: Where the files of messages are kept; by default in the folder.
        log_level: The level of the gateway's log.

    Attributes:
        waited: How many messages for Butler have come so far that were sent before the start.
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
        spawned: Spawned | None = None,
        media: MediaPlace | None = None,
        log_level: str = "WARNING",
    ) -> None:
        account = read_account(folder)
        self.owner_chat_id = account.chat_id if account else None
        self.chat_names: dict[str, str] = {}
        self.waited = 0
        self._started_at = time.time()
        self._records = records
        self._is_for_bot = is_for_bot
        self._max_age_s = math.inf if max_message_age_s is None else max_message_age_s
        self._media = media or MediaPlace(folder / "media")
        options = Options(
            *(str(folder.absolute()), device_name, limits, pacing),
            media_folder=str(self._media.folder.absolute()),
            max_file_bytes=self._media.max_bytes,
            log_level=log_level,
        )
        self._supervisor = Supervisor(options, self._take, self._greet, spawned)
        self._delivery = Delivery(self._supervisor.send, send_limit_s)
        self._fetching = Fetching(self._media.folder, self._supervisor.send)
        self._typing = TypingIndicator(self._supervisor.send)
        self._notices = Notices(self._delivery.deliver, self._finish, self._note_interrupted)
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._turns = Turns()
        self._in_hand: set[int] = set()
        self._acknowledgements = Acknowledgements(self._supervisor.send, records.flushed)
        self._folder = folder
        self._failure: TransportError | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._marks = StartedMarks(private_folder(self._folder) / FILE_NAME)
        self._tasks = [
            asyncio.create_task(self._hold(), name="whatsapp"),
            asyncio.create_task(self._acknowledgements.tell(), name="turns over"),
        ]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._typing.close()
        self._notices.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S if self._failure is None else 0):
                await self._acknowledgements.is_settled.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._marks.close()
        if exc is None and self._failure is not None:
            raise self._failure

    @property
    def state(self) -> LinkState:
        """The state of the link to WhatsApp, with time and cause."""
        return self._supervisor.state

    @property
    def is_alive(self) -> bool:
        """Whether the gateway answers, or is about to be started again."""
        return self._supervisor.is_alive

    async def messages(self) -> AsyncIterator[Message]:
        """Yield each message once, even if a new gateway delivers it again."""
        while (message := await self._messages.get()) is not None:
            self._typing.begin(message.chat_id)
            yield message

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Send ``reply``; return its WhatsApp id, or that of its first part.

        The records of a turn are on disk before its first reply leaves, and no reply is sent
        twice, even after a crash. Long texts are sent in parts, very long ones as a document.

        Raises:
            TransportError: It was not sent, or the outcome is unknown; it is not retried.
        """
        if reply.answers is not None and reply.answers in self._turns:
            await self._records.flushed()
        if reply.attachment is not None:
            return await self._send_file(chat_id, reply, reply.attachment)
        pieces = [] if reply.file_name else parts(bounded(reply.text))
        if reply.file_name or (len(pieces) > MOST_PARTS and reply.edits is None):
            try:
                return await self._send_document(chat_id, reply)
            except RefusedError as error:
                logger.warning("sending a document in parts instead: %s", error)
        pieces = pieces or parts(bounded(reply.text))
        requests = in_parts(self._turns, chat_id, reply, pieces)
        message_id = await self._delivery.deliver_all(requests, waits=reply.waits)
        return reply.edits or message_id

    async def _send_document(self, chat_id: str, reply: Reply) -> str:
        text, name = bounded_document(reply.text), reply.file_name or DOCUMENT_NAME
        request = whole(self._turns, chat_id, reply, text, name)
        return await self._delivery.deliver(request, waits=reply.waits)

    async def _send_file(self, chat_id: str, reply: Reply, path: Path) -> str:
        file = await asyncio.to_thread(copied, path, self._media.folder)
        name = reply.file_name or path.name
        request = whole(self._turns, chat_id, reply, bounded(reply.text), name)
        return await self._delivery.deliver(file.carried_by(request), waits=reply.waits)

    def call_last(self) -> None:
        """Shorten all timeouts, as Butler is shutting down."""
        self._delivery.call_last()

    async def fetch(self, message: Message) -> tuple[Attachment, ...]:
        """Return the attachments of ``message``, fetched by the gateway and verified.

        Raises:
            UserError: One cannot be had; the text says why.
        """
        return await self._fetching.fetched(message, self._turns.row(message))

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Show or hide the typing indicator."""
        if is_typing:
            self._typing.begin(chat_id)
        else:
            self._typing.end(chat_id)

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Mark the turn of ``message`` as started; the mark survives a crash."""
        row = self._turns.begin(message)
        if row is not None:
            self._marks.add(row, message.id, is_told=is_told)

    def is_withdrawn(self, message: Message) -> bool:
        """Return whether the sender deleted ``message`` before its turn."""
        return self._turns.is_withdrawn(message)

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        """Acknowledge ``message``; takes effect once the records of its turn are written."""
        if message in self._turns:
            self._typing.end(message.chat_id)
        row = self._turns.end(message)
        if row is not None:
            self._finish(row, had_effect=had_effect)

    def _finish(self, row: int, *, had_effect: bool = True) -> None:
        self._in_hand.discard(row)
        self._acknowledgements.add(row, had_effect=had_effect)

    async def _hold(self) -> None:
        try:
            await self._supervisor.hold()
        except TransportError as error:
            self._failure = error
            self._delivery.fail(error)
        finally:
            self._messages.put_nowait(None)

    def _greet(self) -> None:
        self._fetching.ask_again()
        self._delivery.ask_again()
        self._acknowledgements.say_again()

    def _take(self, frame: Frame) -> None:
        match frame:
            case Incoming():
                self._take_message(frame)
            case Ignored():
                self._take_ignored(frame)
            case Unreadable():
                self._take_unreadable(frame)
            case Acknowledged():
                self._acknowledgements.confirm(frame.rows)
                self._marks.remove(*frame.rows)
            case Sent() | NotSent():
                self._delivery.take(frame)
            case Fetched() | NotFetched():
                self._fetching.take(frame)
            case ChatName():
                self.chat_names[frame.chat_id] = frame.name

    def _take_ignored(self, frame: Ignored) -> None:
        if frame.is_lost:
            self._ask_for_edited(frame)
        if frame.row is not None and frame.row in self._in_hand:
            # A new gateway delivers a message and its deletion as one.
            self._withdraw(frame.row, frame)
            return
        if frame.withdraws is not None:
            self._withdraw(frame.withdraws, frame)
        self._records.ignored(frame.message, Refusal(frame.rule, frame.detail))
        if frame.row is not None:
            self._acknowledgements.add(frame.row)

    def _withdraw(self, row: int, by: Ignored) -> None:
        message = self._turns.withdraw(row)
        if message is not None:
            self._records.ignored(message, UNREADABLE_EDIT if by.is_lost else WITHDRAWN)
            self._finish(row)

    def _ask_for_edited(self, frame: Ignored) -> None:
        row = frame.row if frame.withdraws is None else frame.withdraws
        about = self._turns.message(row) or frame.message
        if self._is_for_bot(about):
            self._notices.ask_again(about.chat_id, frame.message.id, ASK_FOR_EDITED)

    def _take_message(self, frame: Incoming) -> None:
        if frame.row in self._in_hand or frame.row in self._acknowledgements:
            self._take_again(frame)
            return
        if frame.message in self._turns:
            self._records.ignored(frame.message, Refusal("duplicate", "already in progress"))
            self._acknowledgements.add(frame.row)
            return
        self._in_hand.add(frame.row)
        mark = self._marks.earlier(frame.row, frame.message.id)
        # By WhatsApp's clock, which dated it, where the gateway knows it.
        now = time.time() - (self.state.health.clock_ahead_s or 0.0)
        age_s = now - frame.message.time
        if age_s > time.time() - self._started_at and self._is_for_bot(frame.message):
            self.waited += 1
        if mark is not None:
            self._take_interrupted(frame, is_told=mark.is_told)
        elif age_s > self._max_age_s:
            self._take_late(frame, age_s)
        else:
            self._turns.add(frame.row, frame.message)
            self._messages.put_nowait(frame.message)

    def _take_again(self, frame: Incoming) -> None:
        """Accept a known message: delivered again by a new gateway, or edited by its sender."""
        is_edit = self._turns.is_edit(frame.row, frame.message)
        if is_edit and self._turns.replace(frame.row, frame.message):
            self._messages.put_nowait(frame.message)
        elif is_edit or frame.is_edit:
            self._records.ignored(frame.message, EDITED_TOO_LATE)

    def _take_interrupted(self, frame: Incoming, *, is_told: bool) -> None:
        is_told = is_told and self._is_for_bot(frame.message)
        key = place(frame.row, 1) if is_told else None
        self._notices.was_interrupted(frame.message, frame.row, key)

    def _note_interrupted(self, message: Message) -> None:
        if not self._records.was_done(message):
            self._records.ignored(message, INTERRUPTED)

    def _take_late(self, frame: Incoming, age_s: float) -> None:
        self._records.ignored(frame.message, Refusal("too late", f"{age_s:.0f} s old"))
        logger.warning("a message was refused as too old: %s", duration(age_s))
        if self._is_for_bot(frame.message):
            self._notices.add_late(frame.message.chat_id, frame.row)
        else:
            self._finish(frame.row)

    def _take_unreadable(self, frame: Unreadable) -> None:
        detail = "it was not sent again" if frame.is_lost else "only the phone can show it"
        self._records.ignored(frame.message, Refusal("not readable", detail))
        if (frame.is_lost or not frame.message.is_group) and self._is_for_bot(frame.message):
            text = ASK_AGAIN if frame.is_lost else ONLY_ON_PHONE
            self._notices.ask_again(frame.message.chat_id, frame.message.id, text)
