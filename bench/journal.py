"""The cost of losing nothing: the gateway's journal compared with a bare insert and delete.

Prints microseconds a message and messages a second, medians of rounds taken in turns:
``python bench/journal.py [FOLDER]``; the folder is where the databases go.

The last row is the gateway's way in without WhatsApp: the library's thread hands in events, the
messages cross a socket pair, the other end acknowledges each, and the journal says that it is done.
Both ends are in this process, so the daemon's share is in the figure.
"""

import asyncio
import itertools
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from butler.transports.whatsapp.account import Account
from butler.transports.whatsapp.gateway.receiving import Receiver
from butler.transports.whatsapp.gateway.translation import Translator
from butler.transports.whatsapp.journal.database import Journal
from butler.transports.whatsapp.journal.inbox import Key
from butler.transports.whatsapp.protocol.codec import encoded, joined, read_frame
from butler.transports.whatsapp.protocol.frames import Acknowledge, Acknowledged, Incoming, ToDaemon

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from library_events import event  # type: ignore[import-not-found]

ROUNDS = 15
COUNT = 1_000
CHATS = 1_000

Event = tuple[Key, bytes]
Way = Callable[[list[Event]], Awaitable[None]]


def events() -> Iterator[Event]:
    """Yield events that were never there before."""
    for number in itertools.count():
        chat = f"{120363000000000000 + number % CHATS}@g.us"
        made = event("/use api", message_id=f"3EB0{number:016X}", sender="800@lid", chat=chat)
        yield Key(made.Info.ID, chat, "800@lid"), made.SerializeToString()


class Bare:
    """The minimum: a table of keys and events."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE inbox (row INTEGER PRIMARY KEY, id TEXT, chat TEXT, sender TEXT, "
            "event BLOB, UNIQUE (id, chat, sender))"
        )

    async def take(self, events: list[Event]) -> None:
        for key, raw in events:
            done = self._db.execute("INSERT INTO inbox VALUES (NULL, ?, ?, ?, ?)", (*key, raw))
            self._db.execute("DELETE FROM inbox WHERE row = ?", (done.lastrowid,))


class Alone:
    """The journal: received, handed over and done, one message after the other."""

    def __init__(self, journal: Journal) -> None:
        self._inbox = journal.inbox
        self._last_row = 0

    async def take(self, events: list[Event]) -> None:
        for key, raw in events:
            self._inbox.add(key, raw)
            (entry,) = self._inbox.open(self._last_row, 1)
            self._inbox.hand([entry.row])
            self._inbox.finish([entry.row])
            self._last_row = entry.row


class Gateway:
    """The way in of a gateway, and a daemon at the other end that acknowledges everything."""

    def __init__(
        self,
        receiver: Receiver,
        gateway: asyncio.StreamReader,
        daemon: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._receiver = receiver
        self._gateway = gateway
        self._reader, self._writer = daemon

    async def take(self, events: list[Event]) -> None:
        keeping = asyncio.create_task(asyncio.to_thread(self._keep, events))
        left = len(events)
        while left:
            match await read_frame(self._reader):
                case Incoming(row):
                    self._writer.write(encoded(Acknowledge((row,))))
                case Acknowledged(rows):
                    left -= len(rows)
        await keeping

    def _keep(self, events: list[Event]) -> None:
        for _key, raw in events:
            self._receiver.keep(raw)

    async def listen(self) -> None:
        while isinstance(frame := await read_frame(self._gateway), Acknowledge):
            self._receiver.acknowledge(frame)


@asynccontextmanager
async def open_gateway(journal: Journal) -> AsyncIterator[Gateway]:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    daemon = await asyncio.open_unix_connection(sock=theirs)

    async def tell(*frames: ToDaemon) -> None:
        for piece in joined(frames):
            writer.write(piece)
        await writer.drain()

    settled = asyncio.Event()
    settled.set()
    receiver = Receiver(journal, tell, settled, asyncio.get_running_loop())
    account = Account("+4915112345678", "900@lid", device=3)
    translator = Translator(account, journal.people, journal.outbox)
    gateway = Gateway(receiver, reader, daemon)
    async with asyncio.TaskGroup() as group:
        work = receiver.hand_over(translator), receiver.finish_turns(), gateway.listen()
        tasks = [group.create_task(each) for each in work]
        yield gateway
        for task in tasks:
            task.cancel()
    writer.close()
    daemon[1].close()


async def compare(ways: dict[str, Way]) -> None:
    """Print the median of each; ratios are to the first, round by round."""
    source = events()
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, take in ways.items():
            messages = list(itertools.islice(source, COUNT))
            started = time.perf_counter()
            await take(messages)
            samples[name].append((time.perf_counter() - started) / COUNT)
    floor = next(iter(samples.values()))
    for name, times in samples.items():
        ratio = statistics.median(time / bare for time, bare in zip(times, floor, strict=True))
        median = statistics.median(times)
        print(f"{name:46} {median * 1e6:8.1f} µs  x {ratio:5.2f}  {1 / median:8,.0f} a second")


async def run(folder: Path) -> None:
    with ExitStack() as stack:
        alone, way_in = (
            stack.enter_context(Journal(folder / f"{name}.sqlite3")) for name in ("alone", "way-in")
        )
        async with open_gateway(way_in) as gateway:
            await compare(
                {
                    "bare insert + delete": Bare(folder / "bare.sqlite3").take,
                    "journal: received, handed over, done": Alone(alone).take,
                    "gateway: event to acknowledged": gateway.take,
                }
            )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=next(iter(sys.argv[1:]), None)) as temporary:
        asyncio.run(run(Path(temporary)))
