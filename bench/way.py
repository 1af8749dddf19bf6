"""The way of a message, step by step: ``python bench/way.py [--picture FILE]``.

Butler, with the stand-in server, answers one message at a time. Its two processes note when a
message crosses a border (``workers/traced.py``, which also says where the borders are). Printed are
the median and the 95th percentile of each step, and, a message, the commits, the wake-ups and the
bytes written; the last two next to those of the echo bot, which is neonize and nothing else.
``--picture`` draws the steps as an SVG.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "workers"))

import whatsapp
from traced import COMMIT, DAEMON, GATEWAY, NOTE
from whatsapp import Contender

TRIPS = 600
WARM_UP = 50
SETTLE_S = 0.01
TRACED = Path(__file__).parent / "workers" / "traced.py"
BY_DAEMON = "#4e79a7"
BY_GATEWAY = "#f28e2b"
BY_OTHERS = "#bab0ac"
ANSWERED = 13

_ON_THE_WAY = sorted(each for each in (*GATEWAY, *DAEMON) if each.number < 12)
_COLOURS = {each.number: BY_GATEWAY for each in GATEWAY} | {
    each.number: BY_DAEMON for each in DAEMON
}


class Trip(NamedTuple):
    """When a message was written, when it was answered, and when the next one was written."""

    written: int
    answered: int
    over: int


class Step(NamedTuple):
    """A part of the way, up to a border."""

    name: str
    colour: str
    median_us: float
    p95_us: float


class Use(NamedTuple):
    """What processes have used since their start."""

    wake_ups: int
    written_bytes: int

    @classmethod
    def of(cls, process_ids: list[int]) -> "Use":
        """Return the sum over the processes and their threads."""
        return cls(
            sum(map(_wake_ups, process_ids)),
            sum(_number(Path(f"/proc/{each}/io"), "wchar:") for each in process_ids),
        )

    def since(self, before: "Use", trips: int) -> str:
        """Return what a trip took, for people."""
        wake_ups = (self.wake_ups - before.wake_ups) / trips
        kib = (self.written_bytes - before.written_bytes) / trips / 1024
        return f"{wake_ups:5.1f} wake-ups   {kib:5.1f} KiB written"


def _wake_ups(process_id: int) -> int:
    tasks = Path(f"/proc/{process_id}/task").iterdir()
    return sum(_number(each / "status", "voluntary_ctxt_switches:") for each in tasks)


def _number(path: Path, name: str) -> int:
    lines = path.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


async def travel(contender: Contender, process_ids: list[int]) -> tuple[list[Trip], str]:
    """Let messages be answered one at a time; return the trips, and what they used."""
    for number in range(WARM_UP):
        await contender.round_trip(number)
    moments: list[tuple[int, int]] = []
    before = Use.of(process_ids)
    for number in range(TRIPS):
        written = time.monotonic_ns()
        await contender.round_trip(WARM_UP + number)
        moments.append((written, time.monotonic_ns()))
        await asyncio.sleep(SETTLE_S)
    used = Use.of(process_ids).since(before, TRIPS)
    ends = [written for written, _answered in moments[1:]]
    return [Trip(*each, over) for each, over in zip(moments, ends, strict=False)], used


def notes(trace: Path, role: str) -> Iterator[tuple[int, int]]:
    """Yield what a process has noted: borders and times."""
    content = trace.with_suffix(f".{role}").read_bytes()
    for border, at in NOTE.iter_unpack(content):
        if at:
            yield border, at


def steps_of(trips: list[Trip], crossed: list[tuple[int, int]]) -> list[Step]:
    """Return the steps from the person to the person, from the first crossing of each border."""
    durations: dict[int, list[float]] = {each.number: [] for each in _ON_THE_WAY} | {ANSWERED: []}
    for trip in trips:
        first: dict[int, int] = {}
        for border, at in crossed:
            if trip.written <= at < trip.over:
                first.setdefault(border, at)
        last = trip.written
        for each in _ON_THE_WAY:
            durations[each.number].append((first[each.number] - last) / 1000)
            last = first[each.number]
        durations[ANSWERED].append((trip.answered - last) / 1000)
    names = {each.number: each.name for each in _ON_THE_WAY} | {
        ANSWERED: "the person has the reply"
    }
    return [
        Step(names[number], _colour(number), *_median_and_p95(durations[number]))
        for number in sorted(durations)
    ]


def _colour(number: int) -> str:
    return BY_OTHERS if number in (1, ANSWERED) else _COLOURS[number]


def _median_and_p95(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), statistics.quantiles(values, n=20)[-1]


def picture(steps: list[Step], path: Path) -> None:
    """Draw the steps below each other, each from where the last one ended."""
    whole = sum(each.median_us for each in steps)
    rows, at = [], 0.0
    for row, step in enumerate(steps):
        left, width = 230 + 560 * at / whole, max(1.0, 560 * step.median_us / whole)
        top = 30 + 22 * row
        rows.append(
            f'<text x="222" y="{top + 13}" text-anchor="end">{step.name}</text>'
            f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="17" fill="{step.colour}"/>'
            f'<text x="{left + width + 5:.1f}" y="{top + 13}">{step.median_us:.0f}</text>'
        )
        at += step.median_us
    legend = "grey: library, server and person · orange: gateway · blue: daemon · medians in µs"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{50 + 22 * len(steps)}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="230" y="18">{legend}</text>{"".join(rows)}</svg>\n'
    )


def show(steps: list[Step], trips: list[Trip], crossed: list[tuple[int, int]]) -> None:
    print(f"{'up to here':32}  median    p95   in µs")
    for step in steps:
        print(f"{step.name:32} {step.median_us:7.0f} {step.p95_us:6.0f}")
    whole = [(trip.answered - trip.written) / 1000 for trip in trips]
    print("{:32} {:7.0f} {:6.0f}".format("the whole way", *_median_and_p95(whole)))
    commits = sum(
        border == COMMIT and trips[0].written <= at < trips[-1].over for border, at in crossed
    )
    print(f"{'Butler':27} {commits / len(trips):5.1f} commits", end="")


async def run(folder: Path, drawn: Path | None) -> None:
    """Measure Butler, then the echo bot."""
    trace = folder / "trace"
    os.environ["TRACE"] = str(trace)
    (folder / "butler").mkdir()
    (folder / "echo").mkdir()
    async with AsyncExitStack() as stack:
        traced = partial(whatsapp.butler, start=(str(TRACED),))
        ours, process = await stack.enter_async_context(traced(folder / "butler"))
        ids = [process.process.pid, await process.gateway()]
        trips, used = await travel(ours, ids)
        crossed = sorted(
            [*notes(trace, "gateway"), *notes(trace, "daemon")], key=lambda each: each[1]
        )
        steps = steps_of(trips, crossed)
        show(steps, trips, crossed)
        print(f"   {used}")
    async with whatsapp.echo_bot(folder / "echo", whatsapp.LIMIT, whatsapp.TUNED) as echo:
        trips, used = await travel(echo, [echo.process_id])
        whole = [(trip.answered - trip.written) / 1000 for trip in trips]
        print(f"{whatsapp.LIMIT:27} {used}   p50 {statistics.median(whole):.0f} µs")
    if drawn is not None:
        picture(steps, drawn)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(run(Path(temporary), options.picture))
