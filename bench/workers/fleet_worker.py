"""A worker for bench/fleet.py: the command /ping notes how long its message was on its way."""

import asyncio
import json
import logging
import resource
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from butler.app import Setup, open_bot, read_setup
from butler.core.context import Context
from butler.core.handlers import command, commands_of
from butler.core.plugin import Plugin, Settings
from butler.core.router import Router
from butler.fleet.keys import HubKeys, fleet_folder
from butler.ops.fleet import open_broker
from butler.ops.worker import at_work
from butler.records.model import MemoryRecords


class PingPlugin(Plugin):
    """Answers, and notes when it was asked."""

    def __init__(self) -> None:
        super().__init__(Settings())
        self.delays_s: list[float] = []

    @command()
    async def ping(self, ctx: Context, sent: float | None = None) -> str | None:
        """Answer with nothing but the end of the turn, or with a word."""
        if sent is not None:
            self.delays_s.append(time.monotonic() - abs(sent))
        return "pong" if sent is None or sent < 0 else None


def with_ping(path: Path) -> tuple[Setup, PingPlugin]:
    """Return the setup with /ping and nothing else, and its plugin."""
    setup, ping = read_setup(path), PingPlugin()
    router = Router(commands_of(ping, "ping"), "/")
    setup.gate._router = router  # noqa: SLF001 - the benchmark's own command
    return replace(setup, plugins={"ping": ping}, router=router), ping


def _resident_mb() -> float:
    # Not ru_maxrss, which begins with what the parent had before this program took over.
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


async def main(path: Path) -> None:
    logging.disable(logging.WARNING)
    setup, ping = with_ping(path)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(open_broker(setup.config))
        keys = HubKeys(fleet_folder(setup.config.data_dir))
        name = setup.config.machine.name
        work = at_work(setup, name, broker, keys, MemoryRecords())
        setup, transport, records, side = await stack.enter_async_context(work)
        bot = await stack.enter_async_context(open_bot(setup, transport, records, side=side))
        serving = asyncio.create_task(bot.serve())
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            used = resource.getrusage(resource.RUSAGE_SELF)
            told = {
                "delays_s": ping.delays_s,
                "cpu_s": used.ru_utime + used.ru_stime,
                "memory_mb": _resident_mb(),
            }
            if line.strip() == "clear":
                ping.delays_s = []
            print(json.dumps(told), flush=True)
        transport.call_last()
        bot.stop()
        await serving


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
