"""The cost of a start: medians of whole processes, interleaved; ``python bench/startup.py``.

Modules are compiled before, as installing a package does.
"""

import compileall
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from butler.testing import make_working_copy

ROUNDS = 21


def ended_s(*arguments: str) -> float:
    """Return the seconds that the process takes from start to end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started


def answered_s(config: str) -> float:
    """Return the seconds until ``butler console --jsonl`` gives its first answer."""
    line = json.dumps({"chat": "team@g.us", "text": "/use api"}).encode() + b"\n"
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "butler", "console", "--jsonl", "--config", config],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        process.stdin.flush()
        assert b"*api*" in process.stdout.readline()
        seconds = time.perf_counter() - started
        process.stdin.close()
    return seconds


def run(folder: Path) -> None:
    make_working_copy(folder / "api")
    config = str(folder / "config.toml")
    Path(config).write_text(f'data_dir = "{folder}/data"\n[repos.api]\npath = "api"\n')
    starts = {
        "python -c pass": lambda: ended_s("-c", "pass"),
        "butler --help": lambda: ended_s("-m", "butler", "--help"),
        "butler check": lambda: ended_s("-m", "butler", "check", "--config", config),
        "butler sessions": lambda: ended_s("-m", "butler", "sessions", "--config", config),
        "first answer of butler console --jsonl": lambda: answered_s(config),
    }
    samples: dict[str, list[float]] = {name: [] for name in starts}
    for _ in range(ROUNDS):
        for name, start in starts.items():
            samples[name].append(start())
    bare = statistics.median(samples["python -c pass"])
    for name, times in samples.items():
        median = statistics.median(times)
        print(f"{name:40} {median * 1e3:6.0f} ms  x {median / bare:5.1f}")


if __name__ == "__main__":
    for package in ("butler", "plugins"):
        compileall.compile_dir(Path(__file__).parents[1] / package, quiet=1)
    with tempfile.TemporaryDirectory() as temporary:
        run(Path(temporary))
