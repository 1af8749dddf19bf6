"""What became of messages: not acted on, by which rule; or done, and how it ended."""

import time
from typing import NamedTuple, Protocol, Self

from butler.access.rules import Refusal
from butler.chat.message import Message


class Ignored(NamedTuple):
    """A message that was not acted on; ``time`` is that of the decision, in Unix seconds."""

    time: float
    chat_id: str
    sender: str
    message_id: str
    rule: str
    detail: str

    @classmethod
    def now(cls, message: Message, refusal: Refusal) -> Self:
        """Return the record of ``message`` that is decided on now."""
        return cls(
            time.time(), message.chat_id, message.author, message.id, refusal.rule, refusal.detail
        )


class Done(NamedTuple):
    """A command that was carried out, by whom and how it ended; ``time`` in Unix seconds."""

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
        """Return the record of a command in ``message`` that has just ended."""
        author = message.author
        return cls(time.time(), message.chat_id, author, message.id, command, repo, result, detail)


class Records(Protocol):
    """Where it is noted what became of messages; never their text."""

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Note that ``message`` was not acted on, and why; never waits."""
        ...

    def done(
        self, message: Message, command: str, repo: str, result: str, detail: str = ""
    ) -> None:
        """Note that ``message`` was acted on, and how that ended; never waits."""
        ...

    def flush(self) -> None:
        """Put on disk what was noted so far; a failure is logged. Blocks; any thread may call."""
        ...

    def was_done(self, message: Message) -> bool:
        """Return whether ``message`` was acted on, as far as is on record; blocks."""
        ...

    def last_ignored(self, limit: int, chat_id: str | None = None) -> list[Ignored]:
        """Return the newest messages not acted on, newest first, of one chat or of all."""
        ...


class MemoryRecords:
    """The records of one process, for tests and for a bot that keeps nothing."""

    def __init__(self) -> None:
        self.entries: list[Ignored] = []
        self.audit: list[Done] = []

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Note that ``message`` was not acted on, and why."""
        self.entries.append(Ignored.now(message, refusal))

    def done(
        self, message: Message, command: str, repo: str, result: str, detail: str = ""
    ) -> None:
        """Note that ``message`` was acted on, and how that ended."""
        self.audit.append(Done.now(message, command, repo, result, detail))

    def flush(self) -> None:
        """Nothing is kept, so there is nothing to do."""

    def was_done(self, message: Message) -> bool:
        """Return whether ``message`` was acted on."""
        wanted = (message.chat_id, message.id)
        return any((each.chat_id, each.message_id) == wanted for each in self.audit)

    def last_ignored(self, limit: int, chat_id: str | None = None) -> list[Ignored]:
        """Return the newest messages not acted on, newest first, of one chat or of all."""
        found = [each for each in self.entries if chat_id in {None, each.chat_id}]
        return found[::-1][:limit]
