"""What becomes of messages, seen at the seams around the bot."""

import time
from collections.abc import AsyncIterator, Mapping

from butler.access.rules import Refusal
from butler.chat.message import Attachment, Message, Reply
from butler.chat.transport import Transport
from butler.core.meter import Meter
from butler.errors import TransportError
from butler.records.model import Ignored, Records

HEARD = "heard"
"""The fate of a message that was no command, as an answer to a question."""

IGNORED = "ignored"
_Key = tuple[str, str, str]


def _key(message: Message) -> _Key:
    return message.chat_id, message.author, message.id


class _Open:
    """A message whose turn is not over."""

    __slots__ = ("fate", "is_answered", "since")

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.fate: tuple[str, str] | None = None
        self.is_answered = False


class MessageFigures:
    """Counts each message once, by its fate, and measures its turn and its first answer."""

    def __init__(self, meter: Meter) -> None:
        self._open: dict[_Key, _Open] = {}
        self._count = meter.counter(
            "messages", "Messages by what came of them; ignored ones by the rule.", ("fate", "rule")
        )
        self._turn = meter.histogram(
            "turn_seconds", "From the arrival of a message to the end of its turn."
        )
        self._round_trip = meter.histogram(
            "round_trip_seconds",
            "From the arrival of a message until WhatsApp had its first answer.",
        )
        self._send_error = meter.counter("send_errors", "Replies that were not sent.", ("kind",))

    def note_arrival(self, message: Message) -> None:
        """Note that the bot has got a message."""
        self._open[_key(message)] = _Open()

    def note_ignored(self, message: Message, rule: str) -> None:
        """Note that a message is ignored; one that the bot never gets has no turn that ends."""
        if (found := self._open.get(_key(message))) is None:
            self._count(IGNORED, rule)
        else:
            found.fate = found.fate or (IGNORED, rule)

    def note_done(self, message: Message, result: str) -> None:
        """Note the result of a command; what goes on after the turn is not the message's."""
        if (found := self._open.get(_key(message))) is not None:
            found.fate = found.fate or (result, "")

    def note_answer(self, message: Message | None) -> None:
        """Note that an answer to a message was sent."""
        found = self._open.get(_key(message)) if message is not None else None
        if found is not None and not found.is_answered:
            found.is_answered = True
            self._round_trip(time.monotonic() - found.since)

    def note_send_error(self, kind: str) -> None:
        """Note that a reply was not sent."""
        self._send_error(kind)

    def note_end(self, message: Message) -> None:
        """Note the end of a turn."""
        if (found := self._open.pop(_key(message), None)) is None:
            return
        fate, rule = found.fate or (HEARD, "")
        self._count(fate, rule)
        if fate != IGNORED:
            self._turn(time.monotonic() - found.since)


class MeasuredTransport:
    """A transport whose messages and replies are measured."""

    def __init__(self, transport: Transport, figures: MessageFigures) -> None:
        self._transport = transport
        self._figures = figures
        self.owner_chat_id = transport.owner_chat_id

    @property
    def chat_names(self) -> Mapping[str, str]:
        """The known names of chats, by id."""
        return self._transport.chat_names

    async def messages(self) -> AsyncIterator[Message]:
        """Yield the messages of the transport."""
        async for message in self._transport.messages():
            self._figures.note_arrival(message)
            yield message

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Send ``reply``."""
        try:
            message_id = await self._transport.send(chat_id, reply)
        except TransportError as error:
            self._figures.note_send_error(error.kind)
            raise
        self._figures.note_answer(reply.answers)
        return message_id

    async def fetch(self, message: Message) -> tuple[Attachment, ...]:
        """Return the attachments of ``message``, each with its file."""
        return await self._transport.fetch(message)

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Show or hide the typing indicator."""
        self._transport.show_typing(chat_id, is_typing=is_typing)

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Mark the turn of ``message`` as started."""
        self._transport.begin(message, is_told=is_told)

    def is_withdrawn(self, message: Message) -> bool:
        """Return whether ``message`` was withdrawn."""
        return self._transport.is_withdrawn(message)

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        """Acknowledge ``message``."""
        self._figures.note_end(message)
        await self._transport.acknowledge(message, had_effect=had_effect)


class MeasuredRecords:
    """Records whose entries are counted."""

    def __init__(self, records: Records, figures: MessageFigures) -> None:
        self._records = records
        self._figures = figures

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Record that ``message`` was ignored, and why."""
        self._figures.note_ignored(message, refusal.rule)
        self._records.ignored(message, refusal)

    def done(
        self, message: Message, command: str, repo: str, result: str, detail: str = ""
    ) -> None:
        """Record that ``message`` was handled, and its result."""
        self._figures.note_done(message, result)
        self._records.done(message, command, repo, result, detail)

    @property
    def problem(self) -> str:
        """Why what is done cannot be recorded for now."""
        return self._records.problem

    def flush(self) -> None:
        """Write all records to disk."""
        self._records.flush()

    async def flushed(self) -> None:
        """Write all records to disk, without blocking the event loop."""
        await self._records.flushed()

    def was_done(self, message: Message) -> bool:
        """Return whether ``message`` is recorded as handled."""
        return self._records.was_done(message)

    def last_ignored(self, limit: int, chat_id: str | None = None) -> list[Ignored]:
        """Return the newest ignored messages."""
        return self._records.last_ignored(limit, chat_id)
