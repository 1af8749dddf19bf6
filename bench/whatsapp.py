"""The cost of a WhatsApp message, with the stand-in server: ``python bench/whatsapp.py``.

``--against CHECKOUT`` measures another checkout in the same rounds; that is the way to judge a
change. ``--quick`` prints the round trip only. ``--steady`` lets 100 chats write, 5 messages a
second in all for five minutes, and prints the round trip of Butler and how many got no reply.

Side by side in one run: Butler as ``butler run`` starts it but without pacing, and the stand-in's
echo bot, which is neonize and nothing else: once as neonize opens its database by itself, once as
Butler has it opened (write-ahead log, no sync at each commit). Printed are the time from a person's
message to the reply, one at a time in turns, with the median of the ratios within a round; the time
for a burst, and how many got no reply; the first answer after a start; the memory, and how that of
Butler's two processes grows.

The people, the encryption and the server run in this process, on the same machine.
"""

import argparse
import asyncio
import compileall
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from harness import ratio

from crash_series import Butler, link, write_config
from whatsapp_server import Person, WhatsAppServer
from whatsapp_server.bot_process import BotProcess

ECHO_BOT = Path(__file__).parents[1] / "tests" / "whatsapp_server" / "echo_bot.py"

ROUND_TRIPS = 300
WARM_UP = 20
CHATS = 100
BURST = 1_000
BURSTS = 3
MEMORY_AFTER = (1_000, 10_000)
IN_FLIGHT = 50
BURST_LIMIT_S = 300.0
STEADY_S, PER_SECOND = 300.0, 5.0
TUNED = "?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=20000&_synchronous=NORMAL&_x="
LIMIT = "echo bot, database as ours"
STARTS = 7
COMMANDS = ("/use api", "/use web")
UNPACED = (str(Path(__file__).parent / "workers" / "unpaced.py"),)
AS_USUAL = ("-m", "butler", "run")


Act = Callable[[WhatsAppServer], Awaitable[None]]
Start = Callable[[Path], AbstractAsyncContextManager[Any]]
before_start: ContextVar[Act | None] = ContextVar("before_start", default=None)
"""What to do when an account is linked and before its bot starts."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A bot, online, and the people who write to it."""

    name: str
    server: WhatsAppServer
    people: list[Person]
    process_id: int

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

    async def talk(self, seconds: float, per_second: float) -> tuple[list[float], int]:
        """Send messages at a steady rate; return the round trips and the number of lost ones."""
        count = int(seconds * per_second)
        times: list[float] = []
        written: dict[str, float] = {}

        async def read() -> None:
            for _ in range(count):
                reply = await self.server.next_reply(BURST_LIMIT_S)
                times.append(time.perf_counter() - written.pop(reply.quoted_id))

        reading = asyncio.create_task(read())
        began = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(began + number / per_second - time.perf_counter())
            at = time.perf_counter()
            written[await self._write(number)] = at
        with suppress(TimeoutError):
            await reading
        return times, len(written)

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


async def _before_start(server: WhatsAppServer) -> None:
    if (act := before_start.get()) is not None:
        await act(server)


@asynccontextmanager
async def butler(
    folder: Path, checkout: Path | None = None, start: Sequence[str] = UNPACED
) -> AsyncIterator[tuple[Contender, Butler]]:
    """Butler without pacing, this one or that of another checkout."""
    async with WhatsAppServer() as server:
        people = [server.person(f"Person {number}") for number in range(CHATS)]
        config = write_config(folder, people=people)
        await link(server, config)
        for each in (config.parent / "data" / "whatsapp").glob("journal.*"):
            each.unlink()  # another version may not take it
        await _before_start(server)
        process = Butler(
            *(config, server),
            start=start,
            environment=_path(server, checkout) if checkout else {},
        )
        async with process:
            await server.wait_online()
            name = f"Butler of {checkout.name}" if checkout else "Butler"
            yield Contender(name, server, people, process.process.pid), process


def _path(server: WhatsAppServer, checkout: Path) -> dict[str, str]:
    """Return the variable that puts a checkout before the installed one."""
    folders = (server.environment()["PYTHONPATH"], str(checkout), str(checkout / "plugins"))
    return {"PYTHONPATH": os.pathsep.join(folders)}


@asynccontextmanager
async def echo_bot(folder: Path, name: str, options: str = "") -> AsyncIterator[Contender]:
    """A minimal neonize bot, with options for its database."""
    async with WhatsAppServer() as server:
        people = [server.person(f"Person {number}") for number in range(CHATS)]
        async with BotProcess(server, folder) as linking:
            await linking.link()
        await server.wait_offline()
        await _before_start(server)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ECHO_BOT), f"{folder}/bot.sqlite3{options}"),
            env=server.environment(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await server.wait_online()
            yield Contender(name, server, people, process.pid)
        finally:
            process.kill()
            await process.wait()


async def compare_round_trips(contenders: list[Contender]) -> None:
    times: dict[str, list[float]] = {each.name: [] for each in contenders}
    for number in range(WARM_UP + ROUND_TRIPS):
        for each in random.sample(contenders, len(contenders)):
            times[each.name].append(await each.round_trip(number % CHATS))
    ours = times[contenders[0].name][WARM_UP:]
    for name, measured in times.items():
        theirs = measured[WARM_UP:]
        cuts = statistics.quantiles(theirs, n=100)
        print(
            f"{name:<27} round trip   p50 {cuts[49] * 1e3:5.1f} ms   p99 {cuts[98] * 1e3:5.1f} ms"
            f"   Butler takes {ratio(ours, theirs):.3f} x this"
        )


async def compare_bursts(contenders: list[Contender]) -> None:
    times: dict[str, list[float]] = {each.name: [] for each in contenders}
    missing = dict.fromkeys(times, 0)
    for _ in range(BURSTS):
        for each in random.sample(contenders, len(contenders)):
            seconds, lost = await each.flood(BURST, BURST)
            times[each.name].append(seconds)
            missing[each.name] += lost
    for name, measured in times.items():
        print(
            f"{name:<27} {BURST:,} messages in {CHATS} chats   {statistics.median(measured):5.1f} s"
            f"   {missing[name]} lost"
            f"   Butler takes {ratio(times[contenders[0].name], measured):.2f} x this"
        )


def proportional_mb(process_ids: list[int]) -> float:
    """Return the memory of processes, in which they share what they share."""
    lines = [
        line
        for each in process_ids
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    ]
    return sum(int(line.split()[1]) for line in lines) * 1024 / 1_000_000


async def compare_starts(folder: Path, against: Path | None) -> None:
    """Print the time from the start of a process to the answer to a message that waits for it.

    Modules are compiled before, as installing a package does.
    """
    for package in ("butler", "plugins"):
        for checkout in (Path(__file__).parents[1], against):
            if checkout is not None:
                compileall.compile_dir(checkout / package, quiet=1)
    starts: dict[str, Start] = {"Butler": partial(butler, start=AS_USUAL), LIMIT: _tuned}
    if against is not None:
        starts["the other"] = partial(butler, checkout=against, start=AS_USUAL)
    times: dict[str, list[float]] = {name: [] for name in starts}
    for number in range(STARTS):
        for name, start in starts.items():
            where = folder / f"{number} {name}"
            where.mkdir()
            times[name].append(await _first_answer(where, start))
    ours = times["Butler"]
    for name, measured in times.items():
        print(
            f"{name:<27} first answer {statistics.median(measured) * 1e3:6.0f} ms after the start"
            f"   Butler takes {ratio(ours, measured):.2f} x this"
        )


def _tuned(folder: Path) -> AbstractAsyncContextManager[Contender]:
    return echo_bot(folder, LIMIT, TUNED)


async def _first_answer(folder: Path, start: Start) -> float:
    began = 0.0

    async def write(server: WhatsAppServer) -> None:
        nonlocal began
        await server.send_text(COMMANDS[0], sender=server.world.people[0])
        began = time.perf_counter()

    before_start.set(write)
    async with start(folder) as found:
        contender = found[0] if isinstance(found, tuple) else found
        await contender.server.next_reply(30)
        elapsed_s = time.perf_counter() - began
    before_start.set(None)
    return elapsed_s


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


async def run(folder: Path, against: Path | None, *, is_quick: bool) -> None:
    for name in ("butler", "memory", "other", "plain", "tuned"):
        (folder / name).mkdir()
    async with AsyncExitStack() as stack:
        ours, process = await stack.enter_async_context(butler(folder / "butler"))
        tuned = await stack.enter_async_context(echo_bot(folder / "tuned", LIMIT, TUNED))
        contenders = [ours, tuned]
        if against is not None:
            other, _process = await stack.enter_async_context(butler(folder / "other", against))
            contenders.append(other)
        elif not is_quick:
            contenders.append(
                await stack.enter_async_context(echo_bot(folder / "plain", "neonize echo bot"))
            )
        await compare_round_trips(contenders)
        if is_quick:
            return
        await compare_bursts(contenders)
        ours_mb = proportional_mb([process.process.pid, await process.gateway()])
        theirs_mb = proportional_mb([tuned.process_id])
        for name, size_mb in ((ours.name, ours_mb), (tuned.name, theirs_mb)):
            print(
                f"{name:<27} all processes, in proportion   {size_mb:6.1f} MB"
                f"   Butler takes {ours_mb / size_mb:.2f} x this"
            )
    await compare_starts(folder, against)
    if against is None:
        async with butler(folder / "memory") as (ours, process):
            await measure_memory(ours, process, 0)


async def run_steadily(folder: Path) -> None:
    async with butler(folder) as (ours, _process):
        for number in range(WARM_UP):
            await ours.round_trip(number)
        times, lost = await ours.talk(STEADY_S, PER_SECOND)
    cuts = statistics.quantiles(times, n=100)
    print(
        f"{PER_SECOND:g} messages a second in {CHATS} chats for {STEADY_S:g} s"
        f"   p50 {cuts[49] * 1e3:.1f} ms   p99 {cuts[98] * 1e3:.1f} ms   {lost} of "
        f"{len(times) + lost} lost"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--against", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--steady", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if options.steady:
            asyncio.run(run_steadily(Path(temporary)))
        else:
            asyncio.run(run(Path(temporary), options.against, is_quick=options.quick))
