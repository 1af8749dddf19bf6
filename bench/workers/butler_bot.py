"""Butler as the daemon sets it up, with a transport that ends in a sink.

``butler_bot.py STORE SENDER DRIVE [URL]`` where STORE is ``memory``, ``sqlite`` (sessions and audit
on disk) or ``redis`` (sessions at the URL, audit in memory), SENDER ``owner`` or ``user`` (whose
calls are counted against limits), and DRIVE ``handle`` (the messages one by one through
``Bot.handle``) or how many are in flight through ``Bot.serve``, each from a chat of its own. Files
go where it is started.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from worker import COMMANDS, OTHER_COMMANDS, REPOS, Sink, chat_number, one_by_one, serve

from butler.access.loop_guard import LoopGuard
from butler.access.rate_limits import Buckets
from butler.app import Setup, open_bot, read_setup
from butler.chat.message import Message, Person, Reply
from butler.chat.transport import NO_NAMES
from butler.core.bot import Bot
from butler.core.gate import Gate
from butler.core.router import Router
from butler.records.model import MemoryRecords
from butler.records.sqlite import SqliteRecords
from butler.testing import make_working_copy

PEOPLE = {"owner": Person(phone="+4915112345678"), "user": Person(phone="+4915187654321")}
MANY = 1_000_000_000

HandleAll = Callable[[list[Message]], Awaitable[None]]


class SinkTransport:
    """A chat network with a line in and no line out."""

    owner_chat_id: str | None = None
    chat_names = NO_NAMES

    def __init__(self) -> None:
        self.sink = Sink()
        self._line: asyncio.Queue[Message] = asyncio.Queue()
        self._free: asyncio.Queue[None] = asyncio.Queue()

    async def messages(self) -> AsyncIterator[Message]:
        while True:
            yield await self._line.get()

    async def send(self, chat_id: str, reply: Reply) -> str:
        self.sink.put(reply.text)
        return "reply"

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        pass

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        pass

    def is_withdrawn(self, message: Message) -> bool:
        return False

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        self._free.put_nowait(None)

    async def flow(self, messages: list[Message], in_flight: int) -> None:
        """Deliver the messages, at most ``in_flight`` at a time; return when all turns ended."""
        for _ in range(in_flight):
            self._free.put_nowait(None)
        for message in messages:
            await self._free.get()
            self._line.put_nowait(message)
        for _ in range(in_flight):
            await self._free.get()


class Untold(SinkTransport):
    """A transport for direct calls of ``Bot.handle``."""

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        pass


def setup_in(folder: Path, store: str, url: str | None) -> Setup:
    """Return Butler's setup with as many commands as all contenders have."""
    for repo in REPOS:
        make_working_copy(folder / repo)
    lines = [
        f'data_dir = "{folder}/data"',
        *(f'[repos.{repo}]\npath = "{folder}/{repo}"' for repo in REPOS),
        f'[access]\nowners = ["{PEOPLE["owner"]}"]\nusers = ["{PEOPLE["user"]}"]',
        f'[sessions]\nstore = "{store}"',
        '[plugins]\nenabled = ["session"]',
        *([f'[redis]\nurl = "{url}"'] if url else []),
    ]
    path = folder / "config.toml"
    path.touch(0o600)
    path.write_text("\n".join(lines), encoding="utf-8")
    return padded(read_setup(path))


def padded(setup: Setup) -> Setup:
    known = setup.router.commands
    others = OTHER_COMMANDS[: COMMANDS - len(known)]
    router = Router([*known, *(replace(known[0], name=name, aliases=()) for name in others)])
    buckets = endless_buckets(), endless_buckets()
    gate = Gate(setup.gate.access, router, *buckets, LoopGuard(time.monotonic))
    return replace(setup, router=router, gate=gate)


def endless_buckets() -> Buckets:
    return Buckets(per_minute=MANY, burst=MANY, clock=time.monotonic)


def message(sender: Person, number: int, text: str) -> Message:
    chat_id = f"{120363000000000000 + chat_number(number)}@g.us"
    return Message(f"m{number}", chat_id, sender, text, 1_750_000_000.0)


async def main(folder: Path, store: str, sender: str, drive: str, url: str | None = None) -> None:
    async with AsyncExitStack() as stack:
        setup = setup_in(folder, store, url)
        transport = Untold() if drive == "handle" else SinkTransport()
        records: MemoryRecords | SqliteRecords = MemoryRecords()
        if store == "sqlite":
            (folder / "data").mkdir(exist_ok=True, mode=0o700)
            records = SqliteRecords(folder / "data" / "records.sqlite3")
            await stack.enter_async_context(records.flushing())
        bot = await stack.enter_async_context(open_bot(setup, transport, records))
        handle_all = await driven(bot, transport, drive)
        make = partial(message, PEOPLE[sender])
        await serve(make, handle_all, partial(count, transport.sink, records), "butler-whatsapp")


async def driven(bot: Bot, transport: SinkTransport, drive: str) -> HandleAll:
    if drive == "handle":
        return partial(one_by_one, bot.handle)
    serving = asyncio.create_task(bot.serve())
    return partial(flow, serving, transport, int(drive))


async def flow(
    serving: asyncio.Task[None], transport: SinkTransport, in_flight: int, messages: list[Message]
) -> None:
    await transport.flow(messages, in_flight)
    assert not serving.done()


def count(sink: Sink, records: MemoryRecords | SqliteRecords) -> int:
    if isinstance(records, MemoryRecords):
        records.audit.clear()
    return sink.count()


if __name__ == "__main__":
    asyncio.run(main(Path.cwd(), *sys.argv[1:]))
