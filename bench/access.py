"""The cost of ignoring messages: ``python bench/access.py [--flood SECONDS]``.

First the whole decision on one message (access, rate, router), for those who may and those who may
not, where one person and one chat are admitted and where 1,000 of each are, half of them in the
configuration and half from a chat. Goal: less than 50 µs.

Then a bot as the daemon has it, with everything on disk, to which strangers write 10,000 messages a
second, half of them directly, while its owner sends a command every 100 ms down the same line. Calm
seconds come before and between, for comparison. Goals: memory stays where it is, and the owner does
not wait longer than 100 ms.
"""

import argparse
import asyncio
import itertools
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from butler.app import Setup, open_bot, read_setup
from butler.chat.message import Message, Person, Reply
from butler.records.sqlite import SqliteRecords
from butler.testing import FakeTransport, make_working_copy

ADMITTED = (1, 1_000)
ROUNDS = 25
CALLS = 2_000
STRANGERS = 5_000
OFFERED_PER_S = 10_000
COMMAND_EVERY_S = 0.1
FLOODS = 3
CALM_S = 5.0
OWNER = Person(phone="+4915112345678")
TEAM = "120363000000000000@g.us"
TEXTS = ("hello", "/use api", "/us api", "what is this? " * 20, "/run rm -rf /", "\u202e/allow")


def config(folder: Path, admitted: int) -> Path:
    """Write a configuration that admits this number of people and chats, half of them by grants."""
    for repo in ("api", "web"):
        make_working_copy(folder / repo)
    named = range(max(admitted // 2, 1))
    users = ", ".join(f'"{person(number)}"' for number in named)
    chats = ", ".join(f'"{chat(number)}"' for number in named)
    path = folder / "config.toml"
    path.write_text(
        f'data_dir = "{folder}/data"\n[repos.api]\npath = "api"\n[repos.web]\npath = "web"\n'
        f'[access]\nowners = ["{OWNER}"]\nusers = [{users}]\nchats = [{chats}]\n'
        "[limits]\nperson_per_minute = 100000\nperson_burst = 100000\nchat_per_minute = 100000\n"
    )
    return path


def person(number: int) -> str:
    return f"+4930{number:08}"


def chat(number: int) -> str:
    return f"{120363000000000000 + number}@g.us"


@contextmanager
def opened(folder: Path, admitted: int) -> Iterator[Setup]:
    """Yield a setup that admits this number of people and chats."""
    folder.mkdir()
    setup = read_setup(config(folder, admitted))
    with setup.grants as grants:
        for number in range(admitted // 2, admitted):
            grants.decide(Person.parse(person(number)), is_allowed=True, by=str(OWNER))
            grants.allow_chat(chat(number), str(OWNER))
        yield setup


def messages() -> dict[str, Message]:
    """Return a message of each sort; the member's chat and the stranger's are two of many."""
    member, stranger = Person(person(0), "4930@lid"), Person("+4989000000", "4989@lid")
    return {
        "owner's command": message(OWNER, "/use api"),
        "member's command": message(member, "/use api"),
        "member's unknown command": message(member, "/usee api"),
        "… of 32 letters": message(member, f"/{'repositories' * 3}"[:33]),
        "member's chatter": message(member, "see you at ten"),
        "stranger's command": message(stranger, "/use api", "4989@g.us"),
    }


def message(sender: Person, text: str, chat_id: str = TEAM, number: int = 0) -> Message:
    return Message(f"m{number}", chat_id, sender, text, 1_750_000_000.0)


def decide(folder: Path) -> None:
    """Print the cost of a decision for each size."""
    with opened(folder / "few", ADMITTED[0]) as few, opened(folder / "many", ADMITTED[1]) as many:
        cases = [(name, each, setup) for name, each in messages().items() for setup in (few, many)]
        seconds: list[list[float]] = [[] for _ in cases]
        for _ in range(ROUNDS):
            for times, (_name, each, setup) in zip(seconds, cases, strict=True):
                times.append(judged(setup, each))
    print(f"{'One decision, µs':<28}" + "".join(f"{n:>7,} admitted" for n in ADMITTED))
    medians = [statistics.median(times) * 1e6 for times in seconds]
    for at, (name, _message, _setup) in enumerate(cases[::2]):
        print(f"{name:<28}{medians[2 * at]:>16.1f}{medians[2 * at + 1]:>16.1f}")


def judged(setup: Setup, each: Message) -> float:
    """Return the seconds per decision."""
    gate = setup.gate
    began = time.perf_counter()
    for _ in range(CALLS):
        gate.judge(each, gate.access.role(each))
    return (time.perf_counter() - began) / CALLS


class Line(FakeTransport):
    """A chat network that keeps nothing but numbers.

    Attributes:
        waits_s: How long each of the owner's commands waited for its answer.
        dropped: How many messages of strangers were done with.
        told: How many messages the owner got about strangers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits_s: list[float] = []
        self.dropped = 0
        self.told = 0
        self._asked_at: dict[str, float] = {}
        self._numbers = itertools.count()

    async def send(self, chat_id: str, reply: Reply) -> str:
        if reply.answers is None:
            self.told += 1
        else:
            self.waits_s.append(time.perf_counter() - self._asked_at.pop(reply.answers.id))
        return "reply"

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        pass

    def is_withdrawn(self, message: Message) -> bool:
        return False

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        self.dropped += message.sender is not OWNER

    def command(self) -> None:
        """Deliver a command of the owner."""
        number = next(self._numbers)
        each = message(OWNER, f"/use {('api', 'web')[number % 2]}", number=number)
        self._asked_at[each.id] = time.perf_counter()
        self.receive(each)

    def strangers(self, count: int) -> None:
        """Deliver this number of messages from strangers."""
        for _ in range(count):
            number = next(self._numbers)
            lid = f"{number % STRANGERS}@lid"
            text = TEXTS[number % len(TEXTS)]
            chat_id = lid if number % 2 else "9@g.us"
            self.receive(message(Person(lid=lid), text, chat_id, number))

    async def flow(self, seconds: float, per_s: int) -> int:
        """Let messages arrive at this pace, and the owner's commands; return how many did."""
        began = now = time.perf_counter()
        offered = commands = 0
        while now - began < seconds:
            due = int((now - began) * per_s)
            self.strangers(due - offered)
            offered = due
            if now - began >= commands * COMMAND_EVERY_S:
                self.command()
                commands += 1
            await asyncio.sleep(0.001)
            now = time.perf_counter()
        return offered


async def flood(folder: Path, seconds: float) -> None:
    """Print the effect of a flood of strangers' messages on a bot and its owner."""
    with opened(folder / "flood", ADMITTED[1]) as setup:
        pass
    line = Line()
    records = SqliteRecords(setup.config.data_dir / "records.sqlite3")
    async with records.flushing(), open_bot(setup, line, records) as bot:
        serving = asyncio.create_task(bot.serve())
        await line.flow(CALM_S, 0)
        print(
            f"\n{'':<10}{'offered':>10}{'dropped':>10}{'p50':>9}{'p99':>9}{'slowest':>9}{'MB':>7}"
        )
        for _ in range(FLOODS):
            await phase("calm", line, CALM_S, 0)
            await phase("flood", line, seconds / FLOODS, OFFERED_PER_S)
        await phase("calm", line, CALM_S, 0)
        bot.stop()
        await serving
    files = sum(each.stat().st_size for each in setup.config.data_dir.glob("records.sqlite3*"))
    print(f"The owner was told of {line.told}; the records take {files / 1e6:.1f} MB.")


async def phase(name: str, line: Line, seconds: float, per_s: int) -> None:
    """Let one kind of messages arrive for a while and print how that went."""
    line.waits_s.clear()
    before = line.dropped
    offered = await line.flow(seconds, per_s)
    cuts = [cut * 1e3 for cut in statistics.quantiles(line.waits_s, n=100, method="inclusive")]
    print(
        f"{name:<10}{offered:>10,}{line.dropped - before:>10,}"
        f"{cuts[49]:>6.1f} ms{cuts[98]:>6.1f} ms{max(line.waits_s) * 1e3:>6.1f} ms"
        f"{memory_mb():>7.1f}"
    )


def memory_mb() -> float:
    """Return the memory of this process: what it has now, or on macOS the most it had."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flood", type=float, default=30.0, help="seconds of flood in all")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        decide(Path(temporary))
        asyncio.run(flood(Path(temporary), options.flood))


if __name__ == "__main__":
    main(sys.argv[1:])
