"""Turns through a hub, Redis and workers: how long one is on its way, and how many a second.

The hub is this process, each worker and the server (Valkey) are processes of their own.
"""

import argparse
import asyncio
import json
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

sys.path[:0] = [str(Path(__file__).parent / "workers"), str(Path(__file__).parents[1] / "tests")]

from butler.app import open_bot  # noqa: E402
from butler.chat.message import Message, Reply  # noqa: E402
from butler.fleet.keys import HubKeys, WorkerKeys, fleet_folder  # noqa: E402
from butler.ops.hubs import side_of  # noqa: E402
from butler.records.model import MemoryRecords  # noqa: E402
from butler.testing import OWNER, FakeTransport, make_message, make_working_copy  # noqa: E402
from redis_servers import Server  # noqa: E402 - found by the line above

CHATS = 64
RATE, SECONDS = 200, 5
TURNS = 4_000
GOAL_P50_MS, GOAL_P99_MS, GOAL_TURNS = 2.0, 6.0, 1_500


class Quick(FakeTransport):
    """Counts what it would keep; a future tells when a chat's turn is over."""

    def __init__(self) -> None:
        super().__init__()
        self.over: dict[str, asyncio.Future[None]] = {}
        self.count = 0

    async def send(self, chat_id: str, reply: Reply) -> str:
        self.count += 1
        return reply.edits or str(self.count)

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Do nothing."""

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        self.over.pop(message.id).set_result(None)

    async def turn(self, text: str, chat_id: str) -> None:
        message = make_message(text, chat_id)
        self.over[message.id] = over = asyncio.get_running_loop().create_future()
        self.receive(message)
        await over


class WorkerProcess:
    """A worker in a process of its own."""

    def __init__(self, config: Path) -> None:
        script = Path(__file__).parent / "workers" / "fleet_worker.py"
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, word: str = "report") -> dict[str, Any]:
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(20)


T = TypeVar("T")
Measure = Callable[[Quick, list[WorkerProcess]], Awaitable[T]]


def config(folder: Path, machine: str, url: str) -> Path:
    home = folder / machine
    if not home.exists():
        make_working_copy(home / "web")
    path = home / "config.toml"
    path.write_text(
        f'data_dir = "{home}/data"\nrepos.web.path = "{home}/web"\n'
        f'redis.url = "{url}"\nmachine.name = "{machine}"\naccess.owners = ["{OWNER}"]\n'
        "[plugins]\nenabled = []\n[sessions]\nstore = 'memory'\n"
    )
    path.chmod(0o600)
    return path


async def with_workers(folder: Path, server: Server, count: int, measure: Measure[T]) -> T:
    """Run ``measure`` with a hub and so many workers."""
    from fleet_worker import with_ping

    names = [f"w{number}" for number in range(count)]
    hub = config(folder, "server", server.url)
    for name in names:
        config(folder, name, server.url)
        key = name.encode().ljust(32, b".")
        keys = WorkerKeys(fleet_folder(folder / "server" / "data"))
        keys.invite(name, b"s")
        keys.pair(name, b"s", key)
        HubKeys(fleet_folder(folder / name / "data")).pair(name, "server", key)
    workers = [WorkerProcess(folder / name / "config.toml") for name in names]
    setup, _ping = with_ping(hub)
    transport = Quick()
    try:
        async with AsyncExitStack() as stack:
            side = stack.enter_context(side_of(setup))
            bot = await stack.enter_async_context(
                open_bot(setup, transport, MemoryRecords(), side=side)
            )
            serving = asyncio.create_task(bot.serve())
            services = bot._services  # noqa: SLF001 - to choose repos without a plugin for it
            directory = services.fleet._directory  # noqa: SLF001 - to wait for the workers
            while not all((each := directory.get(n)) and each.is_online for n in names):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            for number in range(256):
                repo = f"{names[number % count]}/web"
                services.sessions.set_active_repo(f"{number}@g.us", repo, "")
            result = await measure(transport, workers)
            transport.close()
            await serving
            return result
    finally:
        for worker in workers:
            worker.end()
        for name in names:
            WorkerKeys(fleet_folder(folder / "server" / "data")).remove(name)


async def latency(transport: Quick, workers: list[WorkerProcess]) -> tuple[float, float]:
    """Return p50 and p99 in ms at 200 turns a second, from the hub to the handler."""
    for _ in range(50):
        await transport.turn("/ping 0", "0@g.us")
    for worker in workers:
        worker.ask("clear")
    started, turns = time.monotonic(), []
    for number in range(RATE * SECONDS):
        await asyncio.sleep(max(0.0, started + number / RATE - time.monotonic()))
        text = f"/ping {time.monotonic()!r}"
        turns.append(asyncio.create_task(transport.turn(text, f"{number % CHATS}@g.us")))
    await asyncio.gather(*turns)
    delays = sorted(each for worker in workers for each in worker.ask()["delays_s"])
    return 1000 * statistics.median(delays), 1000 * delays[int(len(delays) * 0.99)]


async def flood(transport: Quick, workers: list[WorkerProcess]) -> tuple[float, float, float]:
    """Return answered turns a second, with the CPU time of hub and workers for each, in µs."""
    left = iter(range(TURNS))
    used = _cpu_s()
    before = sum(each.ask()["cpu_s"] for each in workers)
    started = time.monotonic()

    async def talk(chat: int) -> None:
        for _number in left:
            await transport.turn("/ping -1", f"{chat}@g.us")

    await asyncio.gather(*(talk(chat) for chat in range(CHATS)))
    elapsed = time.monotonic() - started
    hub_us = 1e6 * (_cpu_s() - used) / TURNS
    workers_us = 1e6 * (sum(each.ask()["cpu_s"] for each in workers) - before) / TURNS
    return TURNS / elapsed, hub_us, workers_us


async def memory(_transport: Quick, workers: list[WorkerProcess]) -> float:
    """Return the highest resident memory of an idle worker, in MB."""
    return workers[0].ask()["memory_mb"]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    logging.disable(logging.WARNING)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 8])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder / "valkey", "appendonly yes").start()
        try:
            report(folder, server, options)
        finally:
            server.kill()


def report(folder: Path, server: Server, options: argparse.Namespace) -> None:
    def run(count: int, measure: Measure[T]) -> T:
        return asyncio.run(with_workers(folder, server, count, measure))

    rounds = [run(1, latency) for _ in range(options.rounds)]
    p50, p99 = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(f"message at the hub -> handler on a worker, {RATE}/s, median of {options.rounds}:")
    print(f"  p50 {p50:.2f} ms (goal {GOAL_P50_MS}), p99 {p99:.2f} ms (goal {GOAL_P99_MS})")
    print(f"  rounds: {', '.join(f'{a:.2f}/{b:.2f}' for a, b in rounds)}")
    print(f"answered turns a second through one hub, {CHATS} chats, median of {options.rounds}:")
    for count in options.workers:
        found = [run(count, flood) for _ in range(options.rounds)]
        turns, hub, workers = (statistics.median(each) for each in zip(*found, strict=True))
        goal = f" (goal {GOAL_TURNS:,})" if count == 2 else ""
        print(
            f"  {count} workers: {turns:,.0f}{goal}; CPU a turn: hub {hub:.0f} µs, "
            f"workers {workers:.0f} µs; rounds {', '.join(f'{each[0]:,.0f}' for each in found)}"
        )
    print(f"memory of an idle worker: {run(1, memory):.0f} MB")


if __name__ == "__main__":
    main()
