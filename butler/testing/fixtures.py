"""The fixtures for chatting with a bot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from butler.app import Setup, open_bot, read_setup
from butler.chat.message import Message, Person, Reply
from butler.core.bot import Bot
from butler.records.model import Ignored, MemoryRecords
from butler.testing.messages import OWNER, make_message
from butler.testing.repos import make_working_copy
from butler.testing.transport import ANSWER_LIMIT_S, FakeTransport


@dataclass(frozen=True)
class Chat:
    """One person in one chat with the bot.

    Call it with what the person writes; it returns the texts that answer it.

    Attributes:
        transport: The network below, with everything that was sent.
        records: What was not acted on.
        bot: The bot.
        chat_id: The chat.
        sender: The person.
    """

    transport: FakeTransport
    records: MemoryRecords
    bot: Bot
    chat_id: str = "team@g.us"
    sender: Person = field(default_factory=lambda: OWNER)

    async def __call__(self, text: str, **details: Any) -> list[str]:
        """Send ``text``; return the replies to it by the end of its turn.

        What else is sent meanwhile, as by jobs, is in ``transport.sent``.

        Args:
            text: What the person writes.
            details: Further fields of the message.
        """
        before = len(self.transport.sent)
        message = replace(self.message(text), **details)
        self.transport.receive(message)
        await self.transport.wait_until_acknowledged(message)
        sent = self.transport.sent[before:]
        return [each.reply.text for each in sent if _answers(each.reply, message)]

    def chat(self, chat_id: str) -> "Chat":
        """Return the same person in another chat."""
        return replace(self, chat_id=chat_id)

    def person(self, address: str) -> "Chat":
        """Return another person, by phone number or LID, in the same chat."""
        return replace(self, sender=Person.parse(address))

    def message(self, text: str) -> Message:
        """Create a message with ``text``, without sending it."""
        return make_message(text, self.chat_id, self.sender)

    async def next_reply(self) -> str:
        """Wait for the next reply, such as from a job; return its text."""
        sent = await self.transport.wait_for_sent(self.chat_id, len(self.transport.sent))
        return sent.reply.text

    @property
    def ignored(self) -> list[Ignored]:
        """The ignored messages of all chats."""
        return self.records.entries


def _answers(reply: Reply, message: Message) -> bool:
    """Return whether a reply answers a message, which may have got its files since."""
    answered = reply.answers
    return answered is not None and (answered.id, answered.chat_id) == (message.id, message.chat_id)


@asynccontextmanager
async def open_chat(setup: Setup) -> AsyncIterator[Chat]:
    """Run a bot for the time of the block; leaving waits 20 s at most for its turns and jobs.

    Raises:
        ExceptionGroup: With a TimeoutError in it: a turn or a job did not end.
    """
    transport, records = FakeTransport(), MemoryRecords()
    opening = open_bot(setup, transport, records, gather_s=0.0)
    async with opening as bot, asyncio.TaskGroup() as group:
        serving = group.create_task(bot.serve())
        try:
            yield Chat(transport, records, bot)
        finally:
            transport.close()
            # A test that failed may have left a job that nobody else ends.
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await asyncio.wait([serving])


@pytest.fixture
def butler_toml(tmp_path: Path) -> str:
    """The configuration of the bot behind ``chat``: the repo ``api``, one owner, one open chat."""
    make_working_copy(tmp_path / "api")
    return f"""
        data_dir = "{tmp_path}/data"
        [repos.api]
        path = "{tmp_path}/api"
        [access]
        owners = ["{OWNER}"]
        chats = ["team@g.us", "other@g.us"]
    """


@pytest_asyncio.fixture
async def chat(butler_toml: str, tmp_path: Path) -> AsyncIterator[Chat]:
    """An owner in a group with the bot."""
    path = tmp_path / "butler.toml"
    path.touch(0o600)  # it may hold secrets
    path.write_text(butler_toml, encoding="utf-8")
    async with open_chat(read_setup(path)) as chat:
        yield chat
