"""Compares Butler with the floor and with the alternatives.

``python bench/compare.py`` installs the peers under ``.bench/``, prints one table, runs the other
scripts here, and writes all of it to ``bench/results.md``; ten minutes. ``--quick`` measures Butler
and the floors only, and compares with the run that was saved last (``--save`` saves this one);
``--redis`` measures only those that keep their state in Redis.
``--against FOLDER`` measures the Butler of another checkout in the same rounds, which is the way to
judge a change.
"""

import argparse
import datetime
import json
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from contenders import DURABLE_FLOOR, FLOOR, INSTALLED, butlers, peers, redis, with_redis
from harness import Result, compare

SAVED = INSTALLED / "saved.json"
RESULTS = Path(__file__).parent / "results.md"
SCRIPTS = {
    "Sessions": "sessions_manager.py",
    "Sessions in Redis": "sessions_redis.py",
    "Journal and gateway": "journal.py",
    "The whole process": "console.py",
    "Start": "startup.py",
}
"""The other benchmarks, by the heading of their output."""


def table(results: Iterable[Result]) -> str:
    """Return the results as a table in Markdown, the fastest first."""
    head = "| Contender | Version | µs a message | × its floor | Floor |\n|---|---|--:|--:|---|\n"
    return head + "".join(
        f"| {each.name} | {each.version} | {each.us:,.1f} | {each.ratio:,.2f} | {each.floor} |\n"
        for each in sorted(results, key=lambda each: each.us)
    )


def machine() -> str:
    """Describe this machine in a sentence."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        f"{now:%Y-%m-%d}, {_processor()}, {platform.system()}, Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}{_node()}."
    )


def _processor() -> str:
    names, cores = "", 0
    for line in Path("/proc/cpuinfo").read_text().splitlines() if _is_linux() else ():
        if line.startswith("model name"):
            names, cores = line.partition(":")[2].strip(), cores + 1
    return f"{cores} cores of {names}" if cores else platform.machine()


def _is_linux() -> bool:
    return sys.platform == "linux"


def _node() -> str:
    if not shutil.which("node"):
        return ""
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return f", Node {version.stdout.strip()}"


def measure_all(rounds: int) -> None:
    with redis() as url:
        contenders = [FLOOR, DURABLE_FLOOR, *butlers(), *peers()]
        results = compare([*contenders, *(with_redis(url) if url else [])], rounds)
    said = (
        f"# What a command costs\n\n{machine()} {rounds} rounds, interleaved;\n"
        "medians, and medians of the ratios within a round.\n\n" + table(results)
    )
    print(said)
    for title, script in SCRIPTS.items():
        said += f"\n## {title}\n\n```\n{output(script)}\n```\n"
        RESULTS.write_text(said, encoding="utf-8")


def measure_redis(rounds: int) -> None:
    with redis() as url:
        if url:
            print(table(compare([FLOOR, *with_redis(url)], rounds)))
    output("sessions_redis.py")


def output(script: str) -> str:
    """Run another script of this folder; print and return its output."""
    command = [sys.executable, "-u", str(Path(__file__).with_name(script))]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        lines.append(f"{script} ended with exit status {process.returncode}.\n")
    return "".join(lines).strip()


def measure_quickly(rounds: int, *, save: bool) -> None:
    contenders = butlers()
    results = compare([FLOOR, DURABLE_FLOOR, *contenders], rounds)
    print(table(results))
    now = costs(results)
    if save or not SAVED.exists():
        SAVED.parent.mkdir(exist_ok=True)
        SAVED.write_text(json.dumps(now), encoding="utf-8")
        print("Saved, to compare the next run with.")
        return
    before = json.loads(SAVED.read_text(encoding="utf-8"))
    print("× floor                                   saved      now   now / saved")
    for name in (each.name for each in contenders if each.name in before):
        print(f"{name:38} {before[name]:8.2f} {now[name]:8.2f} {now[name] / before[name]:8.2f}")


def costs(results: Iterable[Result]) -> dict[str, float]:
    """Return by name what a message costs in units of a floor, the only ones that can be kept.

    What is compared with another Butler in the table is taken on to that one's floor.
    """
    known = {FLOOR.name: 1.0, DURABLE_FLOOR.name: 1.0}
    for each in results:
        if each.name not in known:
            known[each.name] = each.ratio * known[each.floor]
    return known


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only Butler, against a saved run")
    parser.add_argument("--save", action="store_true", help="keep this quick run to compare with")
    parser.add_argument("--redis", action="store_true", help="only what keeps state in Redis")
    parser.add_argument("--against", type=Path, help="the folder of another checkout of Butler")
    parser.add_argument("--rounds", type=int, default=31)
    args = parser.parse_args()
    if args.against:
        others = butlers("other", args.against.resolve())
        print(table(compare([FLOOR, DURABLE_FLOOR, *butlers(), *others], args.rounds)))
    elif args.redis:
        measure_redis(args.rounds)
    elif args.quick or args.save:
        measure_quickly(args.rounds, save=args.save)
    else:
        measure_all(args.rounds)


if __name__ == "__main__":
    main()
