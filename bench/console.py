"""The cost of a command from outside: the process ``butler console --jsonl`` with SQLite sessions.

Prints commands a second and peak memory for 10,000 and for 200,000 commands over 1,000 chats, and
how long one command takes that is sent alone, next to a bare Python process that says each line
back, asked in turn: ``python bench/console.py [FOLDER]``. The folder is for the data (50 MB).

The mix, as chats would write it: 8 of 10 commands are ``/use`` with one of two repos, so nearly
each of them changes the session and is one commit; one is ``/clear``, one ``/help use``. Nothing
in it but a first ``/use`` a second asks git, whose time would hide Butler's.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from butler.testing import make_working_copy

CHATS = 1_000
COUNTS = (10_000, 200_000)
ALONE = 1_000
PAUSE_S = 0.010
BARE = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
"""
MIX = ["/use api", "/use web", "/use api", "/use web", "/clear"] * 2
MIX[-1] = "/help use"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the process; ``seconds`` from the first line written to the last one read."""

    seconds: float
    start_s: float
    peak_mb: float


class Process:
    """A process that answers each line with one; ``times`` has the latencies."""

    def __init__(self, *command: str) -> None:
        self._started = time.perf_counter()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.times: list[float] = []

    def ask(self, number: int) -> float:
        """Send one command and return the seconds until its reply."""
        sent = time.perf_counter()
        self._stdin.write(command(number))
        self._stdin.flush()
        assert b'"text"' in self._stdout.readline()
        self.times.append(time.perf_counter() - sent)
        return self.times[-1]

    def end(self) -> float:
        """Close stdin and return the peak memory of the process in MB once it has ended."""
        self._stdin.close()
        _pid, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._stdout.close()
        assert self._process.returncode == 0
        return usage.ru_maxrss / 1024


class Console(Process):
    """``butler console --jsonl`` in a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        make_working_copy(folder / "api")
        make_working_copy(folder / "web")
        config = folder / "config.toml"
        config.write_text(
            f'data_dir = "{folder}/data"\n'
            f'[repos.api]\npath = "{folder}/api"\n[repos.web]\npath = "{folder}/web"\n'
        )
        super().__init__(
            *(sys.executable, "-m", "butler", "console", "--jsonl", "--config", str(config))
        )

    def flood(self, count: int) -> Measured:
        """Send ``count`` commands at full speed; wait for all replies and the end."""
        self.ask(0)
        start_s = time.perf_counter() - self._started
        feeder = threading.Thread(target=self._feed, args=(count,))
        began = time.perf_counter()
        feeder.start()
        replies = sum(1 for _ in self._stdout)
        seconds = time.perf_counter() - began
        feeder.join()
        assert replies == count, f"{replies} replies to {count} commands"
        return Measured(seconds, start_s, self.end())

    def _feed(self, count: int) -> None:
        for block in blocks(count):
            self._stdin.write(block)
        self._stdin.close()


def command(number: int) -> bytes:
    chat = f"{120363000000000000 + number % CHATS}@g.us"
    # Each chat sees the whole mix, one after the other.
    text = MIX[(number // CHATS + number) % len(MIX)]
    return json.dumps({"chat": chat, "text": text, "id": f"m{number}"}).encode() + b"\n"


def blocks(count: int) -> Iterator[bytes]:
    for start in range(1, count + 1, 1_000):
        yield b"".join(command(n) for n in range(start, min(start + 1_000, count + 1)))


def run(folder: Path) -> None:
    for count in COUNTS:
        measured = Console(folder / str(count)).flood(count)
        print(
            f"{count:>8,} commands over {CHATS:,} chats:"
            f" {count / measured.seconds:8,.0f} a second, peak memory {measured.peak_mb:4.0f} MB,"
            f" first answer {measured.start_s * 1e3:4.0f} ms"
        )
    console = Console(folder / "alone")
    bare = Process(sys.executable, "-c", BARE)
    for number in range(ALONE + 1):
        for process in (console, bare):
            time.sleep(PAUSE_S)
            process.ask(number * CHATS)
    for process, name in ((console, "Butler"), (bare, "bare Python")):
        process.end()
        cuts = statistics.quantiles(process.times[1:], n=100)
        print(
            f"{ALONE:>8,} commands, each alone: {name:>11}"
            f" p50 {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms,"
            f" slowest {max(process.times[1:]) * 1e3:.1f} ms"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=next(iter(sys.argv[1:]), None)) as temporary:
        run(Path(temporary))
