"""A contender's side of the bench: ``run N`` comes in, the seconds for N messages go out.

Also what all contenders do alike, so that they differ in nothing else: 1,000 chats in turn say
``/use`` with one of two repos, and each change is one. What comes before the clock starts warms up:
every chat and both repos once.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from typing import TypeVar

CHATS = 1_000
REPOS = ("api", "web")
COMMANDS = 20
OTHER_COMMANDS = [f"other{number}" for number in range(1, COMMANDS)]
"""Names for commands that nobody calls."""

COMMAND_NAMES = [*OTHER_COMMANDS[:10], "use", *OTHER_COMMANDS[10:]]
"""All of them: the one that is called is neither first nor last, as some try one after another."""

T = TypeVar("T")
Make = Callable[[int, str], T]
"""Makes what the network would hand over: from the number of the message and its text."""


def chat_number(number: int) -> int:
    """Return which chat says the message, from 0 on."""
    return number % CHATS


def text(number: int) -> str:
    """Return the text of the message; a chat's next one always names the other repo."""
    return f"/use {REPOS[number // CHATS % len(REPOS)]}"


class Run:
    """Messages without end, made before they are needed."""

    def __init__(self, make: Make[T]) -> None:
        self._make = make
        self._made = 0

    def take(self, count: int) -> list[T]:
        numbers = range(self._made, self._made + count)
        self._made += count
        return [self._make(number, text(number)) for number in numbers]


async def one_by_one(handle: Callable[[T], Awaitable[object]], messages: Iterable[T]) -> None:
    """Handle each message when the one before it is done."""
    for message in messages:
        await handle(message)


async def serve(
    make: Make[T],
    handle_all: Callable[[list[T]], Awaitable[None]],
    replies: Callable[[], int],
    package: str | None = None,
) -> None:
    """Answer ``run N`` on stdin until it ends.

    Args:
        make: Makes a message.
        handle_all: Is timed.
        replies: Counts what reached the sink since it was last asked; a wrong count ends the bench.
        package: Whose version is told.
    """
    work = Run(make)
    print("ready", version(package) if package else "", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        count = int(line.removeprefix("run "))
        await handle_all(work.take(CHATS))
        messages = work.take(count)
        replies()
        started = time.perf_counter()
        await handle_all(messages)
        seconds = time.perf_counter() - started
        assert (got := replies()) == count, f"{got} replies to {count} messages"
        print(seconds, flush=True)


class Sink:
    """Where replies end."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def put(self, text: str) -> None:
        self._texts.append(text)

    def count(self) -> int:
        """Return how many there were since the last call."""
        count = len(self._texts)
        self._texts.clear()
        return count
