"""The cost of a run, with the scripted agents: ``python bench/run.py [--quick]``.

Prints one table:

- the time from a message to the process of its agent,
- from an agent's text to the edit of the status that shows it,
- how fast an agent's output is read, and how much memory Butler takes for it,
- how long ``/repo`` takes in a chat while four agents work for others,
- what a sandbox adds to a run, from the message to the answer: runs with and without take turns.

The first two are taken inside a bot with the transport of the tests. An edit waits until five
seconds have passed since the one before; here none has to, so what is measured is its way. The
others are taken from outside, of the whole process ``butler console --jsonl``. The time of a run
that says one word is taken off that of a run that says 100 MB; what is left is the reading.

Each agent is a process of its own on the same machine.
"""

import argparse
import asyncio
import logging
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from working import MB, Steps, butler, write_config, write_shell_config

from butler import Reply
from butler.app import read_setup
from butler.testing import Chat, FakeTransport, Sent, fixtures, open_chat
from butler_run.runs import progress as status

KINDS = ("acp", "claude", "command")
MESSAGES = {"512 B": 512, "4 KB": 4096, "64 KB": 65_536, "10 MB": 10 * MB}
BUSY = 4
WARM_UP = 3
EDITS_OF_A_RUN = 40
PAUSE_S = 0.02
LONG_S = 600
WORD = [{"say": "Done."}]
STREAM = [{"say_bytes": 100}, {"pause": 0.005}] * (LONG_S * 200)
FLOOD = [{"flood_bytes": 10_000 * MB, "line_bytes": 4096}]
_STAMP = re.compile(r"\d+\.\d{6}")


@dataclass(frozen=True, slots=True)
class Amounts:
    """The extent of the measurements."""

    starts: int = 60
    edits: int = 200
    floods: int = 3
    flood_bytes: int = 100 * MB
    commands: int = 300
    pairs: int = 60


QUICK = Amounts(starts=5, edits=EDITS_OF_A_RUN, floods=1, flood_bytes=20 * MB, commands=20, pairs=8)


class Starts(logging.Handler):
    """Notes when Butler logs that the process of an agent has started."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "started as process" in record.msg:
            self.times.append(time.perf_counter())


class Timed(FakeTransport):
    """The transport of the tests; notes when it is handed a status that says "writing"."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    async def send(self, chat_id: str, reply: Reply) -> str:
        if reply.edits and reply.text.endswith("writing"):
            self.times.append(time.time())
        return await super().send(chat_id, reply)


@asynccontextmanager
async def chatting(folder: Path, kind: str, steps: Steps) -> AsyncIterator[Chat]:
    """Open a chat of the owner's with a bot, whose agent plays the steps."""
    setup = read_setup(write_config(folder, kind, {"api": steps}))
    async with open_chat(setup) as chat:
        await chat("/use api")
        yield chat


async def run(chat: Chat) -> Sent:
    """Let the agent work and return its answer."""
    seen = len(chat.transport.sent)
    await chat("/run go")
    while True:
        for sent in chat.transport.sent[seen:]:
            if sent.reply.answers is not None:
                return sent
        seen = len(chat.transport.sent)
        await chat.transport.wait_for_sent(chat.chat_id, seen)


async def starts(folder: Path, kind: str, amounts: Amounts) -> list[float]:
    """Return the milliseconds from a message to its agent's process, for each run."""
    noted = Starts()
    log = logging.getLogger("butler_run.agents.process.process")
    log.setLevel(logging.DEBUG)
    log.addHandler(noted)
    times = []
    async with chatting(folder, kind, WORD) as chat:
        for _ in range(WARM_UP + amounts.starts):
            began = time.perf_counter()
            await run(chat)
            times.append((noted.times[-1] - began) * 1e3)
    log.removeHandler(noted)
    return times[WARM_UP:]


async def edits(folder: Path, kind: str, amounts: Amounts) -> list[float]:
    """Return the milliseconds from an agent's text to the edit handed over, for each edit."""
    pause = {"pause": PAUSE_S}
    steps = [{"tool": "Look"}, pause, {"say": "{time}"}, pause] * EDITS_OF_A_RUN
    times: list[float] = []
    async with chatting(folder, kind, steps) as chat:
        timed = chat.transport
        assert isinstance(timed, Timed)
        while len(times) < amounts.edits:
            timed.times.clear()
            said = _STAMP.findall((await run(chat)).reply.text)
            if len(said) == len(timed.times):  # else a busy machine joined two edits to one
                times += [(at - float(s)) * 1e3 for at, s in zip(timed.times, said, strict=True)]
    return times


def flood(folder: Path, kind: str, size: int, amounts: Amounts) -> tuple[list[float], float]:
    """Return the MB/s of each flood in messages of this size, and the growth of memory in MB."""
    steps = [{"flood_bytes": amounts.flood_bytes, "line_bytes": size}]
    speeds = []
    with butler(folder, kind, {"word": WORD, "flood": steps}) as process:
        for _ in range(WARM_UP):
            process.ask("/run go", "word")
        before_mb = process.begin_peak()
        for _ in range(amounts.floods):
            word_s, flood_s = process.ask("/run go", "word"), process.ask("/run go", "flood")
            speeds.append(amounts.flood_bytes / MB / (flood_s - word_s))
        return speeds, process.peak_mb() - before_mb


def commands(folder: Path, steps: Steps, amounts: Amounts) -> list[float]:
    """Return the milliseconds that each ``/repo`` takes while agents work for other chats."""
    busy = {f"busy{number}": steps for number in range(BUSY)} if steps else {}
    with butler(folder, "acp", {"quiet": WORD, **busy}) as process:
        for name in busy:
            process.write("/run go", name)
        process.wait_until_busy(len(busy))
        times = []
        for _ in range(WARM_UP + amounts.commands):
            time.sleep(PAUSE_S)
            times.append(process.ask("/repo", "quiet") * 1e3)
    return times[WARM_UP:]


BOUNDARIES = {
    "sandbox": ('sandbox = "bwrap"',),
    "sandbox, network by list": ('sandbox = "bwrap"', 'network = ["api.example"]'),
}


def boxes(folder: Path, boundary: Sequence[str], amounts: Amounts) -> list[float]:
    """Return the milliseconds that a boundary adds to a run, for each pair of runs."""
    folder.mkdir()
    without = write_shell_config(folder / "without", ('sandbox = "off"',))
    within = write_shell_config(folder / "within", boundary)
    return asyncio.run(taking_turns(without, within, amounts.pairs))


async def taking_turns(without: Path, within: Path, pairs: int) -> list[float]:
    added_ms = []
    async with open_chat(read_setup(without)) as bare, open_chat(read_setup(within)) as boxed:
        for chat in (bare, boxed):
            await chat("/use api")
        for _ in range(WARM_UP + pairs):
            took_ms = []
            for chat in (bare, boxed):
                began = time.perf_counter()
                await run(chat)
                took_ms.append((time.perf_counter() - began) * 1e3)
            added_ms.append(took_ms[1] - took_ms[0])
    return added_ms[WARM_UP:]


def row(what: str, times: Sequence[float], unit: str, goal: str) -> None:
    cuts = statistics.quantiles(times, n=100)
    print(f"{what:<48} {cuts[49]:7.1f} {cuts[98]:7.1f} {unit:<5} {goal}", flush=True)


def measure(folder: Path, amounts: Amounts, kinds: Iterable[str]) -> None:
    fixtures.FakeTransport = Timed
    status.EDIT_EVERY_S, status.TYPICAL_INTERVALS, status.SLOWEST_INTERVAL_S = 0.0, (), LONG_S
    print(f"{'':<48}  median     p99       goal")
    for kind in kinds:
        times = asyncio.run(starts(folder / f"start-{kind}", kind, amounts))
        row(f"message → agent's process, {kind}", times, "ms", "< 50")
    for kind in ("acp", "claude"):
        times = asyncio.run(edits(folder / f"edit-{kind}", kind, amounts))
        row(f"agent's text → edit, {kind}", times, "ms", "< 20")
    for kind in kinds:
        for name, size in MESSAGES.items():
            speeds, grown_mb = flood(folder / f"flood-{kind}-{size}", kind, size, amounts)
            said = f"{amounts.flood_bytes // MB} MB read, {name} a message, {kind}"
            print(f"{said:<48} {statistics.median(speeds):7.1f}         MB/s  >= 50", flush=True)
            print(f"{'':<40} memory {grown_mb:+8.1f}         MB    < 30", flush=True)
    for name, steps in (("none", ()), ("4 streaming", STREAM), ("4 flooding", FLOOD)):
        times = commands(folder / f"repo-{name[:4]}", steps, amounts)
        row(f"/repo beside runs: {name}", times, "ms", "p99 <= 50")
    for name, boundary in BOUNDARIES.items():
        times = boxes(folder / f"box-{len(name)}", boundary, amounts)
        row(f"a run, added by: {name}", times, "ms", "<= 30")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: half a minute")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this kind of agent")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        measure(Path(temporary), QUICK if args.quick else Amounts(), args.kind or KINDS)


if __name__ == "__main__":
    main()
