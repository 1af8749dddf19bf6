"""A chat network in memory."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

from butler.chat.message import Attachment, Message, Reply
from butler.errors import UserError

ANSWER_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply that reached the chat network."""

    id: str
    chat_id: str
    reply: Reply


class FakeTransport:
    """A chat network in memory; a ``Transport``.

    Attributes:
        fetched: The messages whose attachments were fetched.
        unfetchable: Why attachments cannot be fetched; empty if they can.
    """

    def __init__(self) -> None:
        self.fetched: list[Message] = []
        self.unfetchable = ""
        self.sent: list[Sent] = []
        self.begun: list[tuple[Message, bool]] = []
        self.withdrawn: set[str] = set()
        self.acknowledged: list[Message] = []
        self.without_effect: list[Message] = []
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()
        self.owner_chat_id: str | None = "owner@lid"
        self.chat_names: dict[str, str] = {}
        self.typing: Counter[str] = Counter()

    async def messages(self) -> AsyncIterator[Message]:
        """Yield the messages from :meth:`receive` until :meth:`close`."""
        while (message := await self._inbox.get()) is not None:
            yield message

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Append ``reply`` to ``sent``; an edit keeps the id of the edited reply."""
        sent = Sent(reply.edits or f"reply-{next(self._ids)}", chat_id, reply)
        self.sent.append(sent)
        await self._announce()
        return sent.id

    async def fetch(self, message: Message) -> tuple[Attachment, ...]:
        """Append ``message`` to ``fetched``; its attachments come with their files.

        Raises:
            UserError: ``unfetchable`` is set; it is the text.
        """
        self.fetched.append(message)
        if self.unfetchable:
            raise UserError(self.unfetchable)
        return message.attachments

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Update the count of the chat in ``typing``."""
        self.typing[chat_id] += 1 if is_typing else -1

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Append ``message`` to ``begun``, with whether its chat would be notified."""
        self.begun.append((message, is_told))

    def is_withdrawn(self, message: Message) -> bool:
        """Return whether the id of ``message`` is in ``withdrawn``."""
        return message.id in self.withdrawn

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        """Append ``message`` to ``acknowledged``, and to ``without_effect`` if it had none."""
        self.acknowledged.append(message)
        if not had_effect:
            self.without_effect.append(message)
        await self._announce()

    def receive(self, message: Message) -> None:
        """Deliver ``message``."""
        self._inbox.put_nowait(message)

    def close(self) -> None:
        """End the messages."""
        self._inbox.put_nowait(None)

    async def wait_until_acknowledged(self, message: Message) -> None:
        """Wait until the turn of ``message`` has ended."""
        async with asyncio.timeout(ANSWER_LIMIT_S), self._news:
            await self._news.wait_for(lambda: any(each is message for each in self.acknowledged))

    async def wait_for_sent(self, chat_id: str, after: int) -> Sent:
        """Return the first reply to the chat after position ``after`` of ``sent``."""

        def found() -> list[Sent]:
            return [each for each in self.sent[after:] if each.chat_id == chat_id]

        async with asyncio.timeout(ANSWER_LIMIT_S), self._news:
            await self._news.wait_for(found)
        return found()[0]

    async def _announce(self) -> None:
        async with self._news:
            self._news.notify_all()
