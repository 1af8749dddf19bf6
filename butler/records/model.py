"""Records: ignored messages with the rule, executed commands with their result."""

import time
from typing import NamedTuple, Protocol, Self

from butler.access.rules import Refusal
from butler.chat.message import Message


class Ignored(NamedTuple):
    """An ignored message; ``time`` is that of the decision, in Unix seconds."""

    time: float
    chat_id: str
    sender: str
    message_id: str
    rule: str
    detail: str

    @classmethod
    def now(cls, message: Message, refusal: Refusal) -> Self:
        """Return the record of ``message``, dated now."""
        return cls(
            time.time(), message.chat_id, message.author, message.id, refusal.rule, refusal.detail
        )


class Done(NamedTuple):
    """An executed command with its sender and result; ``time`` in Unix seconds."""

    time: float
    chat_id: str
    sender: str
    message_id: str
    command: str
    repo: str
    result: str
    detail: str

    @classmethod
    def now(cls, message: Message, command: str, repo: str, result: str, detail: str) -> Self:
        """Return the record of a command in ``message``, dated now."""
        author = message.author
        return cls(time.time(), message.chat_id, author, message.id, command, repo, result, detail)


class Records(Protocol):
    """Records handled and ignored messages, without their text."""

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Record that ``message`` was ignored, and why; never waits."""
        ...

    def done(
        self, message: Message, command: str, repo: str, result: str, detail: str = ""
    ) -> None:
        """Record that ``message`` was handled, and its result; never waits."""
        ...

    @property
    def problem(self) -> str:
        """Why what is done cannot be recorded for now, fit for a chat; empty while it can be."""
        ...

    def flush(self) -> None:
        """Write all records to disk; a failure is logged. Blocks; any thread may call."""
        ...

    async def flushed(self) -> None:
        """Write all records to disk like ``flush``, without blocking the event loop."""
        ...

    def was_done(self, message: Message) -> bool:
        """Return whether ``message`` is recorded as handled; blocks."""
        ...

    def last_ignored(self, limit: int, chat_id: str | None = None) -> list[Ignored]:
        """Return the newest ignored messages, newest first, of one chat or of all."""
        ...


class MemoryRecords:
    """Records in memory, for tests and for a bot that keeps nothing."""

    def __init__(self) -> None:
        self.problem = ""
        self.entries: list[Ignored] = []
        self.audit: list[Done] = []

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Record that ``message`` was ignored, and why."""
        self.entries.append(Ignored.now(message, refusal))

    def done(
        self, message: Message, command: str, repo: str, result: str, detail: str = ""
    ) -> None:
        """Record that ``message`` was handled, and its result."""
        self.audit.append(Done.now(message, command, repo, result, detail))

    def flush(self) -> None:
        """Do nothing: there is nothing to write."""

    async def flushed(self) -> None:
        """Do nothing: there is nothing to write."""

    def was_done(self, message: Message) -> bool:
        """Return whether ``message`` was handled."""
        wanted = (message.chat_id, message.id)
        return any((each.chat_id, each.message_id) == wanted for each in self.audit)

    def last_ignored(self, limit: int, chat_id: str | None = None) -> list[Ignored]:
        """Return the newest ignored messages, newest first, of one chat or of all."""
        found = [each for each in self.entries if chat_id in {None, each.chat_id}]
        return found[::-1][:limit]
