"""Random input from people and programs: ``python bench/fuzz.py [--count N] [--seed S]``.

Sends N messages (200,000 by default) through a bot as the daemon has it, with everything on disk:
from owners, members and strangers, in open, closed and direct chats, forwarded, quoting, reacting
and mentioning, with texts from usual to hostile. Then a quarter as many lines through the reader of
JSON lines, whole and broken, with ids that come back under another text, as edits do.

Ends with an error, and the seed, as soon as Butler raises, logs a bug, takes longer than ten
seconds for a message, answers a stranger, sends what cannot be printed, runs another program than
git, or writes outside its data folder. Prints inputs a second, and how many came to which end.
"""

import argparse
import asyncio
import itertools
import json
import logging
import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from butler.access.rules import Refusal
from butler.app import Setup, open_bot, read_setup
from butler.chat.message import Message, Person, Reply
from butler.chat.text import without_controls
from butler.records.sqlite import SqliteRecords
from butler.testing import FakeTransport, make_working_copy
from butler.transports.console.jsonl import JsonLines
from butler.transports.console.seen import SeenMessages

COUNT = 200_000
LIMIT_S = 10.0
LINES_AT_A_TIME = 500
OWNERS = [Person("+4915112345678", "1@lid"), Person("+4915112345678"), Person(lid="2@lid")]
MEMBERS = [Person(f"+49301111{n:04}", f"111{n:04}@lid") for n in range(50)]
STRANGERS = [
    Person(lid="4915112345678@lid"),
    *(Person(f"+49309999{n:04}", f"999{n:04}@lid") for n in range(50)),
    Person(),
]
NAMED_MEMBERS = 25
"""So many of the members are replied to, so that an /allow may let them in everywhere."""

OPEN = [f"12036300000000{n:04}@g.us" for n in range(60)]
CLOSED = [f"12036399999999{n:04}@g.us" for n in range(20)]
COMMANDS = (
    *("use", "select", "cd", "repo", "status", "repos", "ls", "clear", "reset", "sessions"),
    *("help", "allow", "deny", "who", "why", "us", "alow", "hlep", "run", "etc", "../use", "USE"),
)
ARGUMENTS = (
    *("api", "API", "web", "billing", "2", "-1", "0", "1_0", "²", "9" * 40, "../../etc", "/etc"),
    *('"a b"', "'a b'", '"', "“api”", "%s%n%x", "{}", "{0.__class__}", "$(reboot)", "`reboot`"),
    *("a;reboot", "--help", "-rf", "'; DROP TABLE people; --", "\u202eipa", "a\u0301", "🙂", "\0"),
    *("+49309", "+4930222222", "222@lid", "ABCDEFGH", "ſſſſſſſſ", "120363000000000000@g.us"),
    *("a\nb", "a\r\n/allow", "\ufeff", "\u2028", "\x1b[31m", "x" * 3_000, "\U0010ffff", "𝕒𝕡𝕚"),
)
NAMES = (
    "",
    "Anna",
    "+4915112345678",
    "*Butler*",
    "\n/allow",
    "{}",
    "%s",
    "\u202e",
    "'--",
    "🙂" * 20,
)
PROGRAMS = {"git"}
CHANGES = {"sqlite3.connect", "os.mkdir", "os.rename", "os.remove", "os.chmod"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Watch:
    """Sees what this process opens for writing and runs, and which bugs are logged."""

    def __init__(self, data: Path) -> None:
        self._data = str(data)
        self.found: list[str] = []
        self.is_on = False
        sys.addaudithook(self._see)
        handler = logging.Handler(logging.ERROR)
        handler.emit = lambda record: self.found.append(  # type: ignore[method-assign]
            logging.Formatter().format(record)
        )
        logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)

    def check(self) -> None:
        """Exit with the findings, if any."""
        if self.found:
            raise SystemExit("\n".join(self.found))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch for the duration of the block."""
        self.is_on = True
        yield
        self.is_on = False

    def _see(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.is_on:
            return
        is_opened_to_write = event == "open" and bool(int(str(arguments[2])) & WRITES)
        if is_opened_to_write or event in CHANGES:
            self._check_path(event, arguments[0])
        elif event == "subprocess.Popen" and arguments[0] not in PROGRAMS:
            self.found.append(f"it ran {arguments[0]}")

    def _check_path(self, event: str, path: object) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            text = os.fsdecode(path).removeprefix("file://").partition("?")[0]
            if text != os.devnull and not os.path.realpath(text).startswith(self._data):
                self.found.append(f"{event} outside of the data folder: {text}")


class CountingRecords(SqliteRecords):
    """Records on disk that also count the ends to which messages came."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.ends: Counter[str] = Counter()

    def ignored(self, message: Message, refusal: Refusal) -> None:
        self.ends[f"ignored: {refusal.rule}"] += 1
        super().ignored(message, refusal)

    def done(
        self, message: Message, command: str, repo: str, result: str, detail: str = ""
    ) -> None:
        self.ends[f"command: {result}"] += 1
        super().done(message, command, repo, result, detail)


class Line(FakeTransport):
    """A chat network that checks what is sent, and keeps nothing."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch
        self._numbers = itertools.count()

    async def send(self, chat_id: str, reply: Reply) -> str:
        answered = reply.answers
        if answered is not None and is_shut_out(answered):
            self._watch.found.append(f"an answer to {answered}: {reply.text!r}")
        if reply.text != without_controls(reply.text):
            self._watch.found.append(f"control characters: {reply.text!r}")
        return f"reply-{next(self._numbers)}"

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        pass

    def is_withdrawn(self, message: Message) -> bool:
        return False

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        pass


def is_shut_out(message: Message) -> bool:
    """Return whether nobody ever let the sender in: owners neither write there nor name them."""
    sender = message.sender
    if message.is_own or message.chat_id in OPEN:
        return not message.is_own and sender.phone is None and sender.lid is None
    return not any(sender == each for each in (*OWNERS, *MEMBERS[:NAMED_MEMBERS]))


class Fuzz:
    """Makes messages and lines of a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._number = 0
        self._last: dict[str, str] = {}

    def text(self) -> str:
        kind = self._random.random()
        if kind < 0.6:
            return self._command()
        if kind < 0.9:
            return "".join(self._character() for _ in range(self._random.randrange(60)))
        return self._random.choice(ARGUMENTS)

    def message(self) -> Message:
        pick = self._random.choice
        self._number += 1
        role = self._random.random()
        if role < 0.25:
            sender, chat_id = pick(OWNERS), pick([*OPEN, "2@lid"])
        elif role < 0.6:
            sender, chat_id = pick(MEMBERS), pick([*OPEN, *CLOSED])
        else:
            sender = pick(STRANGERS)
            chat_id = pick([*CLOSED, *OPEN, sender.lid or "0@lid"])
        is_odd = self._random.random() < 0.3
        return Message(
            id=f"m{self._number}",
            chat_id=chat_id,
            sender=sender,
            text=self.text(),
            time=1_750_000_000.0,
            name=pick(NAMES),
            is_own=sender is OWNERS[0],
            quoted_id=pick([None, "reply-1", "m1", "\0"]) if is_odd else None,
            quoted_sender=pick([None, *MEMBERS[:NAMED_MEMBERS], *OWNERS]) if is_odd else None,
            is_forwarded=is_odd and self._random.random() < 0.3,
            is_reaction=is_odd and self._random.random() < 0.3,
            is_to_bot=is_odd and self._random.random() < 0.3,
        )

    def line(self) -> tuple[bytes, str]:
        """Return a line, and the id that no reply to it may name; empty if it may be answered."""
        kind = self._random.random()
        if kind < 0.3:
            return self._broken(), ""
        if kind < 0.9 or not self._last:
            self._last = self._whole(is_stranger=kind > 0.6)
        value = {**self._last, "text": self.text()}
        is_ascii = self._random.random() < 0.5
        written = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "backslashreplace")
        return written, value["id"] if value["id"].startswith("stranger") else ""

    def _whole(self, *, is_stranger: bool) -> dict[str, str]:
        self._number += 1
        sender = self._random.choice(STRANGERS[1:-1] if is_stranger else MEMBERS)
        return {
            "chat": self._random.choice(CLOSED if is_stranger else OPEN),
            "sender": str(sender),
            "id": f"{'stranger' if is_stranger else 'member'}-{self._number}",
            "name": self._random.choice(NAMES),
        }

    def _command(self) -> str:
        pick = self._random.choice
        prefix = pick(["/", "/", "/", "/", " /", "\u200e/", "//", "!", "/\n", "／"])
        words = [pick(ARGUMENTS) for _ in range(self._random.randrange(4))]
        return pick([" ", " ", "\n", "\u00a0"]).join([f"{prefix}{pick(COMMANDS)}", *words])

    def _character(self) -> str:
        top = self._random.choice([0x80, 0x300, 0x3000, 0xD800, 0x110000])
        character = chr(self._random.randrange(top))
        return character if not "\ud800" <= character <= "\udfff" else "/"

    def _broken(self) -> bytes:
        whole = bytearray(json.dumps({"chat": "a@g.us", "text": self.text()}).encode())
        for _ in range(self._random.randrange(1, 5)):
            whole[self._random.randrange(len(whole))] = self._random.randrange(256)
        wild = (
            b"{" * self._random.randrange(5_000),
            b'{"chat": "a@g.us", "text": ' + b"[" * 5_000,
            b'{"chat": "a@g.us", "text": "\\ud800", "sender": "+4930111111"}',
            b'{"chat": "a@g.us", "sender": "' + b"9" * 50 + b'", "text": "/use api"}',
            self._random.randbytes(self._random.randrange(300)),
            bytes(whole[: self._random.randrange(len(whole))]),
            bytes(whole),
        )
        return self._random.choice(wild).replace(b"\n", b" ")


def config(folder: Path) -> Path:
    """Write a configuration with three repos, one of them hidden from most."""
    for repo in ("api", "web", "billing"):
        make_working_copy(folder / repo)
    people = ", ".join(f'"{each}"' for each in (OWNERS[1], OWNERS[2]))
    path = folder / "config.toml"
    path.write_text(
        f'data_dir = "data"\nrepos.api.path = "api"\nrepos.web.path = "web"\n'
        f'repos.billing = {{ path = "billing", chats = ["{OPEN[0]}"] }}\n'
        f"[access]\nowners = [{people}]\nchats = {json.dumps(OPEN)}\n"
        "[limits]\nperson_per_minute = 300\nperson_burst = 20\nchat_per_minute = 100000\n"
        '[plugins]\nenabled = ["session"]\n'
    )
    return path


async def fuzz_messages(setup: Setup, watch: Watch, fuzz: Fuzz, count: int) -> Counter[str]:
    """Send messages through a bot; return the ends to which they came."""
    records = CountingRecords(setup.config.data_dir / "records.sqlite3")
    async with records.flushing(), open_bot(setup, Line(watch), records) as bot:
        for _ in range(count):
            message = fuzz.message()
            try:
                async with asyncio.timeout(LIMIT_S):
                    await bot.handle(message)
            except Exception as error:
                raise SystemExit(f"{message} made it raise {error!r}") from error
            watch.check()
    return records.ends


async def fuzz_lines(setup: Setup, watch: Watch, fuzz: Fuzz, count: int) -> Counter[str]:
    """Send lines through the reader of JSON lines; return the ends to which they came."""
    data = setup.config.data_dir
    records = CountingRecords(data / "records.sqlite3")
    (to_read, to_write), (answers, replies) = os.pipe(), os.pipe()
    lines = [fuzz.line() for _ in range(count)]
    transport = JsonLines(to_read, replies, SeenMessages(data / "console.sqlite3"), records)
    with ThreadPoolExecutor() as threads:
        threads.submit(feed, to_write, [line for line, _ in lines])
        reading = threads.submit(read_replies, answers, records.ends)
        async with records.flushing(), open_bot(setup, transport, records) as bot:
            await bot.serve()
        await transport.aclose()
        os.close(replies)
        answered = reading.result()
    os.close(to_read)
    if shut_out := answered & {unanswered for _, unanswered in lines if unanswered}:
        raise SystemExit(f"answers to strangers: {sorted(shut_out)[:5]}")
    watch.check()
    return records.ends


def feed(descriptor: int, lines: list[bytes]) -> None:
    for start in range(0, len(lines), LINES_AT_A_TIME):
        data = b"".join(line + b"\n" for line in lines[start : start + LINES_AT_A_TIME])
        while data:
            data = data[os.write(descriptor, data) :]
    os.close(descriptor)


def read_replies(descriptor: int, ends: Counter[str]) -> set[str]:
    """Return the ids of the messages that were answered; each line has to be JSON."""
    answered: set[str] = set()
    with open(descriptor, "rb") as replies:
        for line in replies:
            reply = json.loads(line)
            ends["line: an error"] += "error" in reply
            answered.add(reply.get("reply_to", ""))
    return answered


def report(what: str, count: int, ends: Counter[str], seconds: float) -> None:
    print(f"{count:,} {what}: {count / seconds:,.0f} a second")
    for end, number in ends.most_common():
        print(f"  {number:>9,}  {end}")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}")
    fuzz = Fuzz(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        setup = read_setup(config(folder))
        setup.config.data_dir.mkdir(mode=0o700)
        before = contents(folder)
        watch = Watch(setup.config.data_dir)
        for what, run, count in (
            ("messages", fuzz_messages, options.count),
            ("lines", fuzz_lines, options.count // 4),
        ):
            began = time.perf_counter()
            with watch.watching():
                ends = asyncio.run(run(setup, watch, fuzz, count))
            report(what, count, ends, time.perf_counter() - began)
        if contents(folder) != before:
            raise SystemExit("something outside of the data folder has changed")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files outside of the data folder; git may refresh its index."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "data" not in path.parts and path.name != "index"
    }


if __name__ == "__main__":
    main(sys.argv[1:])
