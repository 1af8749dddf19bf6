"""Notices about messages that were meant for Butler but not handled.

They arrived too late, could not be read, or were interrupted when an earlier daemon was killed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field

from butler.chat.message import Message
from butler.errors import TransportError
from butler.transports.whatsapp.protocol.frames import Send

logger = logging.getLogger(__name__)

QUIET_S = 2.0
"""Delay of a chat's summary after its latest late message."""

ASK_EVERY_S = 600.0
ASK_AGAIN = "I could not read your message. Please send it again."
ASK_FOR_EDITED = "I could not read your edit. Please send the message again as it should be."
ONLY_ON_PHONE = "I cannot see that message: WhatsApp shows it on phones only. Send it as text."
INTERRUPTED = (
    "I was restarted while working on your message, so it may not be done. "
    "Please check, and send it again if needed."
)


@dataclass(slots=True)
class _LateMessages:
    timer: asyncio.TimerHandle
    rows: list[int] = field(default_factory=list)


class Notices:
    """Sends notices about such messages.

    Late messages get one summary per chat, unreadable ones a request every ten minutes at most,
    and each interruption a notice.

    Args:
        send: Sends a text to a chat; the same key is never sent twice.
        forget: Called with the rows whose chat has been notified.
        note_interrupted: Records a message whose turn was interrupted; blocks.
    """

    def __init__(
        self,
        send: Callable[[Send], Awaitable[object]],
        forget: Callable[[int], None],
        note_interrupted: Callable[[Message], None],
    ) -> None:
        self._send = send
        self._forget = forget
        self._note_interrupted = note_interrupted
        self._late: dict[str, _LateMessages] = {}
        self._asked: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add_late(self, chat_id: str, row: int) -> None:
        """Add a late message to the summary of its chat."""
        timer = asyncio.get_running_loop().call_later(QUIET_S, self._sum_up, chat_id)
        late = self._late.setdefault(chat_id, _LateMessages(timer))
        if late.timer is not timer:
            late.timer.cancel()
            late.timer = timer
        late.rows.append(row)

    def ask_again(self, chat_id: str, message_id: str, text: str = ASK_AGAIN) -> None:
        """Ask the sender to repeat a message that could not be read."""
        now = asyncio.get_running_loop().time()
        if now - self._asked.get(chat_id, -ASK_EVERY_S) >= ASK_EVERY_S:
            self._asked = {chat: at for chat, at in self._asked.items() if now - at < ASK_EVERY_S}
            self._asked[chat_id] = now
            self._start(self._say(Send(f"unreadable.{message_id}", chat_id, text)))

    def was_interrupted(self, message: Message, row: int, key: str | None) -> None:
        """Record that a turn was interrupted, and notify its chat if there is a key.

        It is the key of the turn's reply: if that was sent, or will be, there is no notice.
        """
        notice = Send(key, message.chat_id, INTERRUPTED, message) if key else None
        self._start(self._say_interrupted(message, notice, row))

    def close(self) -> None:
        """Stop sending notices; messages without one are delivered again later."""
        for late in self._late.values():
            late.timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _sum_up(self, chat_id: str) -> None:
        self._start(self._say_late(chat_id, self._late.pop(chat_id).rows))

    async def _say_late(self, chat_id: str, rows: Sequence[int]) -> None:
        await self._say(Send(f"late.{rows[0]}-{rows[-1]}", chat_id, summary(len(rows))))
        for row in rows:
            self._forget(row)

    async def _say_interrupted(self, message: Message, notice: Send | None, row: int) -> None:
        # First, as the replies to later messages follow soon.
        if notice is not None:
            await self._say(notice)
        await asyncio.to_thread(self._note_interrupted, message)
        self._forget(row)

    async def _say(self, notice: Send) -> None:
        try:
            await self._send(notice)
        except TransportError as error:
            logger.warning("a notice was not sent: %s", error)

    def _start(self, saying: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(saying)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def summary(count: int) -> str:
    """Return the summary of ``count`` late messages."""
    messages = "1 message" if count == 1 else f"{count} messages"
    return (
        f"While I was offline, {messages} came in too late to handle. "
        "Please resend anything that still matters."
    )
