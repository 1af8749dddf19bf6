"""For tests of plugins: talk to a bot as a user does, without a phone.

In the ``conftest.py`` of your tests::

    from butler.testing import butler_toml, chat

    __all__ = ["butler_toml", "chat"]

and a test reads like a chat::

    async def test_use_selects_a_repo(chat):
        assert await chat("/use api") == ["This chat now works on *api*, on branch main."]

The bot is a real one in all but its transport. The fixture ``butler_toml`` is its configuration:
override it to enable your plugin or to name other repos.
"""

import asyncio
import itertools
import os
import subprocess
import time
from collections import Counter
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

OWNER = Person(phone="+4915112345678")
"""The owner in the configuration that ``butler_toml`` gives."""

ANSWER_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply that reached the chat network."""

    id: str
    chat_id: str
    reply: Reply


class FakeTransport:
    """A chat network in memory; a ``Transport``."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.begun: list[tuple[Message, bool]] = []
        self.withdrawn: set[str] = set()
        self.acknowledged: list[Message] = []
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()
        self.owner_chat_id: str | None = "owner@lid"
        self.chat_names: dict[str, str] = {}
        self.typing: Counter[str] = Counter()

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what was put in with :meth:`receive`, until :meth:`close`."""
        while (message := await self._inbox.get()) is not None:
            yield message

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Keep ``reply`` in ``sent``; an edit keeps the id of what it edits."""
        sent = Sent(reply.edits or f"reply-{next(self._ids)}", chat_id, reply)
        self.sent.append(sent)
        await self._announce()
        return sent.id

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Count the chat in ``typing``, or no longer."""
        self.typing[chat_id] += 1 if is_typing else -1

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Keep ``message`` in ``begun``, with whether its chat would be told."""
        self.begun.append((message, is_told))

    def is_withdrawn(self, message: Message) -> bool:
        """Return whether the id of ``message`` is in ``withdrawn``."""
        return message.id in self.withdrawn

    async def acknowledge(self, message: Message) -> None:
        """Keep ``message`` in ``acknowledged``."""
        self.acknowledged.append(message)
        await self._announce()

    def receive(self, message: Message) -> None:
        """Let ``message`` arrive."""
        self._inbox.put_nowait(message)

    def close(self) -> None:
        """End the messages."""
        self._inbox.put_nowait(None)

    async def wait_until_acknowledged(self, message: Message) -> None:
        """Wait until the turn of ``message`` is over."""
        async with asyncio.timeout(ANSWER_LIMIT_S), self._news:
            await self._news.wait_for(lambda: any(each is message for each in self.acknowledged))

    async def wait_for_sent(self, chat_id: str, after: int) -> Sent:
        """Return the first reply to the chat behind position ``after`` of ``sent``."""

        def found() -> list[Sent]:
            return [each for each in self.sent[after:] if each.chat_id == chat_id]

        async with asyncio.timeout(ANSWER_LIMIT_S), self._news:
            await self._news.wait_for(found)
        return found()[0]

    async def _announce(self) -> None:
        async with self._news:
            self._news.notify_all()


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
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)

    async def __call__(self, text: str, **details: Any) -> list[str]:
        """Write ``text``; return what is said in reply to it by the end of its turn.

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
        return [each.reply.text for each in sent if each.reply.answers is message]

    def chat(self, chat_id: str) -> "Chat":
        """Return the same person in another chat."""
        return replace(self, chat_id=chat_id)

    def person(self, address: str) -> "Chat":
        """Return another person, by phone number or LID, in the same chat."""
        return replace(self, sender=Person.parse(address))

    def message(self, text: str) -> Message:
        """Return ``text`` as a message that was not sent yet."""
        number = next(self._ids)
        return Message(f"message-{number}", self.chat_id, self.sender, text, time.time())

    async def next_reply(self) -> str:
        """Wait for a reply that is yet to come, as from a job; return its text."""
        sent = await self.transport.wait_for_sent(self.chat_id, len(self.transport.sent))
        return sent.reply.text

    @property
    def ignored(self) -> list[Ignored]:
        """The messages that were not acted on, in all chats."""
        return self.records.entries


@asynccontextmanager
async def open_chat(setup: Setup) -> AsyncIterator[Chat]:
    """Run a bot for the time of the block; leaving waits for its turns and jobs, for a minute.

    Raises:
        ExceptionGroup: With a TimeoutError in it: a turn or a job did not end.
    """
    transport, records = FakeTransport(), MemoryRecords()
    async with open_bot(setup, transport, records) as bot, asyncio.TaskGroup() as group:
        serving = group.create_task(bot.serve())
        try:
            yield Chat(transport, records, bot)
        finally:
            transport.close()
            # A test that failed may have left a job that nobody else ends.
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await asyncio.wait([serving])


def make_working_copy(folder: Path, branch: str = "main") -> Path:
    """Make ``folder`` a working copy of git with one commit; return it."""
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", f"--initial-branch={branch}")
    (folder / "README.md").write_text("# Example\n")
    _git(folder, "add", "README.md")
    _git(folder, "commit", "--quiet", "--message=First commit")
    return folder


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Example", "-c", "user.email=example@example.org")
    # Tests may run in a hook, which sets GIT_DIR, and for people who sign their commits.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={**environment, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        check=True,
        timeout=30,
    )


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
    path.write_text(butler_toml, encoding="utf-8")
    async with open_chat(read_setup(path)) as chat:
        yield chat
