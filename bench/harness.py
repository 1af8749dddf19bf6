"""Contenders side by side: each a process of its own, asked in turn, round after round.

The machine changes speed from one minute to the next, so only what was measured in the same round
is compared: a ratio is the median over the rounds of the ratio within a round.
"""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = 1_000
"""The number of messages in a run is a multiple of this."""

MOST_BLOCKS = 50
RUN_S = 0.05
WORKERS = Path(__file__).parent / "workers"


@dataclass(frozen=True, slots=True)
class Contender:
    """A competitor in a benchmark.

    Attributes:
        name: As in the table.
        command: What starts it, in a folder of its own.
        environment: Variables beyond those that everything here has.
        floor: The contender that it is compared with.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    floor: str = "floor"


class Worker:
    """A started contender: takes ``run N`` and reports the seconds for N messages."""

    def __init__(self, process: "subprocess.Popen[str]", name: str) -> None:
        self._process = process
        self._name = name
        self.version = self._line().removeprefix("ready").strip()

    def run(self, count: int) -> float:
        """Return the seconds that the contender takes for this number of messages."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"run {count}\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._name} ended, with exit status {self._process.wait()}.")
        return line


@dataclass(frozen=True, slots=True)
class Result:
    """The measurements of one contender.

    Attributes:
        name: As in the table.
        version: Of its package, if it has one.
        us: Microseconds for one message, the median of the rounds.
        ratio: To its floor.
        floor: The name of that.
    """

    name: str
    version: str
    us: float
    ratio: float
    floor: str


@contextmanager
def started(contender: Contender) -> Iterator[Worker]:
    """Run a contender in an empty folder for the duration of the block."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            contender.command,
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "LANG": "C.UTF-8",
                **contender.environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        yield Worker(process, contender.name)


def compare(contenders: Iterable[Contender], rounds: int) -> list[Result]:
    """Let each contender handle messages for as long in each round; return what one took."""
    contenders = list(contenders)
    seconds: dict[str, list[float]] = {each.name: [] for each in contenders}
    with ExitStack() as stack:
        workers = {each.name: stack.enter_context(started(each)) for each in contenders}
        counts = {name: _count(worker) for name, worker in workers.items()}
        for _ in range(rounds):
            for name, worker in workers.items():
                seconds[name].append(worker.run(counts[name]) / counts[name])
        versions = {name: worker.version for name, worker in workers.items()}
    return [
        Result(
            each.name,
            versions[each.name],
            statistics.median(seconds[each.name]) * 1e6,
            ratio(seconds[each.name], seconds[each.floor]),
            each.floor,
        )
        for each in contenders
    ]


def _count(worker: Worker) -> int:
    """Return how many messages the contender handles in the time of one run.

    Runs are of the same length, as another process that takes the processor for a moment would
    otherwise add more to the long ones; and they are short, so that Butler asks git for branches
    before the clock starts and not again.
    """
    worker.run(BLOCK)
    blocks = round(RUN_S / worker.run(BLOCK))
    return BLOCK * min(max(blocks, 1), MOST_BLOCKS)


def ratio(times: Sequence[float], others: Sequence[float]) -> float:
    """Return how many times as long as the others, taken in the same rounds."""
    return statistics.median(time / other for time, other in zip(times, others, strict=True))
