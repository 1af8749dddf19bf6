"""The cost of a WhatsApp message, with the stand-in server: ``python bench/whatsapp.py``.

Side by side in one run: Butler as ``butler run`` starts it but without pacing, and the stand-in's
echo bot, which is neonize and nothing else: once as neonize opens its database by itself, once as
Butler has it opened (write-ahead log, no sync at each commit). Printed are the time from a person's
message to the reply, one at a time in turns; the time for a burst, and how many got no reply; and
how the memory of Butler's two processes grows.

The people, the encryption and the server run in this process, on the same machine.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from butler.app import read_setup
from butler.ops import daemon
from crash_series import Butler, link, write_config
from whatsapp_server import Person, WhatsAppServer
from whatsapp_server.bot_process import BotProcess

ECHO_BOT = Path(__file__).parents[1] / "tests" / "whatsapp_server" / "echo_bot.py"

ROUND_TRIPS = 300
WARM_UP = 20
CHATS = 100
BURST = 1_000
MEMORY_AFTER = (1_000, 10_000)
IN_FLIGHT = 50
BURST_LIMIT_S = 300.0
TUNED = "?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=20000&_synchronous=NORMAL&_x="
COMMANDS = ("/use api", "/use web")


@dataclass(frozen=True, slots=True)
class Contender:
    """A bot, online, and the people who write to it."""

    name: str
    server: WhatsAppServer
    people: list[Person]

    async def round_trip(self, number: int) -> float:
        """Return the seconds from one message to its reply."""
        began = time.perf_counter()
        asked = await self._write(number)
        reply = await self.server.next_reply(30)
        elapsed_s = time.perf_counter() - began
        assert reply.quoted_id == asked
        return elapsed_s

    async def flood(self, count: int, in_flight: int) -> tuple[float, int]:
        """Send messages with a maximum number unanswered; return the seconds and the lost ones."""
        slots = asyncio.Semaphore(in_flight)
        began = time.perf_counter()
        reading = asyncio.create_task(self._read(count, slots))
        asked = []
        for number in range(count):
            await slots.acquire()
            asked.append(await self._write(number))
        last = await reading
        answered = {reply.quoted_id for reply in self.server.replies}
        return last - began, len(set(asked) - answered)

    async def _write(self, number: int) -> str:
        sender = self.people[number % CHATS]
        text = COMMANDS[number // CHATS % 2]
        return (await self.server.send_text(text, sender=sender)).id

    async def _read(self, count: int, slots: asyncio.Semaphore) -> float:
        """Count replies; return when the last one came."""
        last = time.perf_counter()
        for _ in range(count):
            try:
                await self.server.next_reply(BURST_LIMIT_S)
            except TimeoutError:
                break
            last = time.perf_counter()
            slots.release()
        return last


@asynccontextmanager
async def butler(folder: Path) -> AsyncIterator[tuple[Contender, Butler]]:
    """Butler without pacing."""
    async with WhatsAppServer() as server:
        people = [server.person(f"Person {number}") for number in range(CHATS)]
        config = write_config(folder, people=people)
        await link(server, config)
        process = Butler(config, server, start=(str(Path(__file__)), "--serve"))
        async with process:
            await server.wait_online()
            yield Contender("Butler", server, people), process


@asynccontextmanager
async def echo_bot(folder: Path, name: str, options: str = "") -> AsyncIterator[Contender]:
    """A minimal neonize bot, with options for its database."""
    async with WhatsAppServer() as server:
        people = [server.person(f"Person {number}") for number in range(CHATS)]
        async with BotProcess(server, folder) as linking:
            await linking.link()
        await server.wait_offline()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ECHO_BOT), f"{folder}/bot.sqlite3{options}"),
            env=server.environment(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await server.wait_online()
            yield Contender(name, server, people)
        finally:
            process.kill()
            await process.wait()


def serve(config: Path) -> None:
    """Do what ``butler run`` does, without pacing."""
    daemon.Pacing = lambda *_limits: None
    asyncio.run(daemon.serve(read_setup(config)))


async def compare_round_trips(contenders: list[Contender]) -> None:
    times: dict[str, list[float]] = {each.name: [] for each in contenders}
    for number in range(WARM_UP + ROUND_TRIPS):
        for each in contenders:
            times[each.name].append(await each.round_trip(number % CHATS))
    ours = statistics.median(times[contenders[0].name][WARM_UP:])
    for name, measured in times.items():
        cuts = statistics.quantiles(measured[WARM_UP:], n=100)
        print(
            f"{name:<27} round trip   p50 {cuts[49] * 1e3:5.1f} ms   p99 {cuts[98] * 1e3:5.1f} ms"
            f"   Butler's median is {ours / cuts[49]:.2f} x this"
        )


async def compare_bursts(contenders: list[Contender]) -> None:
    for each in contenders:
        seconds, lost = await each.flood(BURST, BURST)
        print(
            f"{each.name:<27} {BURST:,} messages in {CHATS} chats   {seconds:5.1f} s   {lost} lost"
        )


async def measure_memory(contender: Contender, process: Butler, handled: int) -> None:
    ids = {"daemon": process.process.pid, "gateway": await process.gateway()}
    before: dict[str, float] = {}
    for count in MEMORY_AFTER:
        _seconds, lost = await contender.flood(count - handled, IN_FLIGHT)
        assert lost == 0
        handled = count
        for name, process_id in ids.items():
            size_mb = resident_mb(process_id)
            growth = f"   {size_mb - before[name]:+.1f} MB" if name in before else ""
            print(f"{name:<27} resident after {count:>6,} messages   {size_mb:6.1f} MB{growth}")
            before[name] = size_mb


def resident_mb(process_id: int) -> float:
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


async def run(folder: Path) -> None:
    for name in ("butler", "memory", "plain", "tuned"):
        (folder / name).mkdir()
    async with (
        butler(folder / "butler") as (ours, _process),
        echo_bot(folder / "plain", "neonize echo bot") as plain,
        echo_bot(folder / "tuned", "the same, database as ours", TUNED) as tuned,
    ):
        await compare_round_trips([ours, plain, tuned])
        await compare_bursts([ours, plain, tuned])
    async with butler(folder / "memory") as (ours, process):
        await measure_memory(ours, process, 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[-1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            asyncio.run(run(Path(temporary)))
