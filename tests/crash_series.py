"""Butler, killed again and again while messages arrive; and what must hold afterwards."""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal, Self

from butler.records.sqlite import SqliteRecords
from butler.storage.files import private_folder
from butler.testing import make_working_copy
from butler.transports.whatsapp import pair
from butler.transports.whatsapp.daemon.notices import INTERRUPTED
from whatsapp_server import PATIENCE_S, Group, Person, Sent, WhatsAppServer

CHATS = 50
MESSAGES = 500
LIBRARY_QUEUE = 100
MOST_IN_A_ROW = 5
"""So many gateways are killed one after the other; before the next one the daemon waits 16 s."""

REPOS = ("api", "web")

_GATEWAYS = b"butler.transports.whatsapp.gateway", b"fake_gateway.py"

Victim = Literal["gateway", "daemon"]

_CONFIG = """\
data_dir = "data"
notify.restarts = false
[access]
chats = {groups}
users = {people}
[limits]
person_per_minute = 100000
person_burst = 100000
chat_per_minute = 100000
[whatsapp]
messages_per_second = 100
messages_per_minute = 6000
burst = 1000
[plugins]
enabled = ["session"]
[repos]
api.path = "api"
web.path = "web"
"""


def write_config(folder: Path, groups: Iterable[Group] = (), people: Iterable[Person] = ()) -> Path:
    """Write a configuration with two repos that admits these people and groups."""
    for name in REPOS:
        make_working_copy(folder / name)
    path = folder / "config.toml"
    admitted = {
        "groups": [str(group.jid) for group in groups],
        "people": [f"+{person.phone}" for person in people],
    }
    path.write_text(_CONFIG.format(**admitted))
    return path


async def link(server: WhatsAppServer, config: Path) -> None:
    """Link the account; for the time of it, the stand-in is in this process's environment."""
    scanning: list[asyncio.Task[None]] = []

    def scan(qr: str, _life_s: float) -> None:
        if not scanning:
            scanning.append(asyncio.create_task(server.scan(qr)))

    before = dict(os.environ)
    os.environ.update(server.environment())
    try:
        folder = private_folder(private_folder(config.parent / "data") / "whatsapp")
        await pair(folder, "Butler", on_qr=scan, on_code=lambda _code, _life_s: None)
        await scanning[0]
    finally:
        os.environ.clear()
        os.environ.update(before)
    await server.wait_offline()


class Butler:
    """A sub-command as a process; its log, with that of earlier ones, is in ``butler.log``."""

    def __init__(
        self,
        config: Path,
        server: WhatsAppServer,
        *arguments: str,
        start: Iterable[str] = ("-m", "butler"),
        environment: Mapping[str, str] | None = None,
        python: Iterable[str] = (sys.executable,),
    ) -> None:
        self._command = (*python, *start, *arguments, "--config", str(config))
        self._environment = {**server.environment(), **(environment or {})}
        self._log = config.parent / "butler.log"
        self.gateways: set[int] = set()
        self._gateway = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.end()

    async def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    async def end(self) -> None:
        """Ask it to end if it runs, and wait until its gateways are gone."""
        if self.process.returncode is None:
            await self.stop()
        await eventually(lambda: not any(map(is_alive, self.gateways)))

    @property
    def log(self) -> str:
        """What it and those before it in the folder have printed."""
        return self._log.read_text(errors="replace")

    async def stop(self) -> int:
        """Ask it to end; return its exit status."""
        self._find_gateway()
        self.process.terminate()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            raise

    async def kill(self) -> None:
        """Kill it, but not its gateway."""
        self._find_gateway()
        self.process.kill()
        await self.process.wait()

    async def gateway(self) -> int:
        """Return the process id of its gateway, once there is one."""
        await eventually(lambda: self._find_gateway() is not None, every_s=0.02)
        return self._gateway

    def has_new_gateway(self, old: int) -> bool:
        """Return whether another gateway has taken the place of an old one."""
        return self._find_gateway() not in {None, old}

    def _find_gateway(self) -> int | None:
        found = gateway_of(self.process.pid)
        if found is not None:
            self.gateways.add(found)
            self._gateway = found
        return found


def is_alive(process_id: int) -> bool:
    """Return whether there is such a process, and it has not ended."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gateway_of(process_id: int) -> int | None:
    """Return the id of the gateway that a process has started, if there is one now."""
    return next(filter(_is_gateway, _children(process_id)), None)


def _children(process_id: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process_id}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, task.read_text().split())
    return found


def _is_gateway(process_id: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        command = Path(f"/proc/{process_id}/cmdline").read_bytes()
        return any(each in command for each in _GATEWAYS)
    return False


async def eventually(holds, timeout_s: float = PATIENCE_S, every_s: float = 0.05) -> None:
    """Wait until something holds that is looked up anew each time."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(every_s)


def query(config: Path, text: str) -> list[tuple]:
    """Return what a query finds in the journal."""
    path = config.parent / "data" / "whatsapp" / "journal.sqlite3"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as db:
        return db.execute(text).fetchall()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the messages of a series, by their ids.

    Attributes:
        gateway_kills: How many there were.
        sent: All messages, in order.
        states: What the journal says of those that reached it.
        unknown: Those to which a reply is marked as unknown.
        answers: How many answers each got.
        notices: How often its chat was told that one was interrupted.
        is_in_order: Whether the replies in each chat came in the order of the messages.
        done: How often each is in the audit.
        interrupted: Those that are on record as interrupted.
        wrong_chats: Chats that do not work on the repo that was asked for last.
        other_replies: What else Butler said.
    """

    gateway_kills: int
    sent: list[Sent]
    states: dict[str, str]
    unknown: set[str]
    answers: Counter[str]
    notices: Counter[str]
    is_in_order: bool
    done: Counter[str]
    interrupted: set[str]
    wrong_chats: list[str]
    other_replies: list[str]

    def __str__(self) -> str:
        answers = Counter(self.answers[each.id] for each in self.sent)
        done = Counter(self.done[each.id] for each in self.sent)
        return (
            f"{len(self.states)} of {len(self.sent)} messages in the journal, "
            f"{Counter(self.states.values())}; answers a message {dict(answers)}, "
            f"{len(self.unknown)} marked unknown, "
            f"of which {sum(self._replies(each) for each in self.unknown)} arrived; "
            f"in the audit {dict(done)}, {len(self.interrupted)} interrupted, "
            f"of which {len(self.notices)} were told; said besides: {self.other_replies}"
        )

    def check(self) -> None:
        """Assert what must hold."""
        self._check_lost()
        self._check_acts()
        self._check_replies()
        assert self.wrong_chats == []

    def _check_lost(self) -> None:
        """What reached the journal is over, and what did not left no trace.

        The library confirms messages before the gateway sees them, and holds up to 100: only these
        may be lost, and only with a gateway that is killed.
        """
        assert set(self.states.values()) == {"done"}
        lost = {each.id for each in self.sent} - self.states.keys()
        assert len(lost) <= self.gateway_kills * LIBRARY_QUEUE
        assert lost.isdisjoint([*self.answers, *self.notices, *self.done, *self.interrupted])

    def _check_acts(self) -> None:
        assert {each: count for each, count in self.done.items() if count > 1} == {}
        assert self.states.keys() - self.done.keys() - self.interrupted == set()
        assert self.answers.keys() - self.done.keys() == set()

    def _check_replies(self) -> None:
        wrong = {each: self._replies(each) for each in self.states if self._replies(each) != 1}
        assert {each: count for each, count in wrong.items() if each not in self.unknown} == {}
        assert set(wrong.values()) <= {0}
        assert self.notices.keys() <= self.interrupted | self.done.keys()
        assert self.interrupted.isdisjoint(self.done)
        assert self.is_in_order

    def _replies(self, message_id: str) -> int:
        return self.answers[message_id] + self.notices[message_id]


class Series:
    """500 messages in 50 chats, half of them groups, and kills at random moments."""

    def __init__(self, server: WhatsAppServer, folder: Path, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        people = [server.person(f"Person {number}") for number in range(CHATS // 2)]
        groups = [
            server.group(f"Group {number}", people[number : number + 3])
            for number in range(CHATS // 2)
        ]
        self._chats: list[tuple[Person, Person | Group]] = [
            *((person, person) for person in people),
            *((group.members[0], group) for group in groups),
        ]
        self.config = write_config(folder, groups, people)
        self._gateways: set[int] = set()
        self._gateway_kills = 0
        self._sent: list[Sent] = []

    async def run(self, victims: Iterable[Victim]) -> Outcome:
        """Kill these in random order while messages come; return what became of the messages."""
        await link(self._server, self.config)
        order = self._shuffled(victims)
        await self._start()
        try:
            shares = _shares(MESSAGES, len(order) + 1)
            for victim, share in zip(order, shares, strict=False):
                await self._round(victim, share)
            await self._write(shares[-1])
            await self._settle()
            answers = await self._asked_for_repos()
        finally:
            await self._butler.end()
        assert self._butler.process.returncode == 0
        await eventually(lambda: not any(map(is_alive, self._gateways)))
        return self._outcome(answers)

    def _shuffled(self, victims: Iterable[Victim]) -> list[Victim]:
        order = list(victims)
        while True:
            self._random.shuffle(order)
            runs = [len(list(run)) for victim, run in groupby(order) if victim == "gateway"]
            if max(runs, default=0) <= MOST_IN_A_ROW:
                return order

    async def _start(self) -> None:
        self._butler = Butler(self.config, self._server, "run")
        await self._butler.start()

    async def _round(self, victim: Victim, share: int) -> None:
        """Kill once, in the middle of a share of the messages."""
        if self._random.random() < 0.8:
            await self._server.wait_online()
        gateway = await self._butler.gateway()
        self._gateways.add(gateway)
        async with asyncio.TaskGroup() as writing:
            writing.create_task(self._write(share))
            await asyncio.sleep(self._random.uniform(0, 0.8))
            await self._kill(victim, gateway)

    async def _kill(self, victim: Victim, gateway: int) -> None:
        self._gateway_kills += victim == "gateway"
        if victim == "daemon":
            await self._butler.kill()
            self._gateways |= self._butler.gateways
            await self._start()
        else:
            with suppress(ProcessLookupError):
                os.kill(gateway, signal.SIGKILL)
            await eventually(lambda: not is_alive(gateway))

    async def _write(self, count: int) -> None:
        for _ in range(count):
            number = len(self._sent)
            sender, chat = self._chats[number % CHATS]
            text = f"/use {_repo(number)}"
            self._sent.append(await self._server.send_text(text, sender=sender, chat=chat))
            await asyncio.sleep(self._random.uniform(0, 0.02))

    async def _settle(self) -> None:
        """Wait until there is nothing left to do."""
        await self._server.wait_acknowledged(*self._sent, timeout_s=180)
        is_open = "SELECT count(*) FROM inbox WHERE state IN ('received', 'handed')"
        await eventually(lambda: query(self.config, is_open) == [(0,)], 180, 0.25)

    async def _asked_for_repos(self) -> list[str]:
        """Ask every chat for its repo; return the answers, in the order of the chats."""
        asked = [
            (await self._server.send_text("/repo", sender=sender, chat=chat)).id
            for sender, chat in self._chats
        ]

        def answers() -> dict[str, str]:
            return {each.quoted_id: each.text for each in self._server.replies if each.quoted_id}

        await eventually(lambda: answers().keys() >= set(asked), 120, 0.25)
        texts = answers()
        return [texts[each] for each in asked]

    def _outcome(self, repos: list[str]) -> Outcome:
        ours = {each.id: number for number, each in enumerate(self._sent)}
        rows = query(self.config, "SELECT row, message_id, state FROM inbox")
        ids = {row: message_id for row, message_id, _state in rows}
        marked = query(self.config, "SELECT key FROM outbox WHERE state = 'unknown'")
        replies = [each for each in self._server.replies if each.quoted_id in ours]
        by_chat = defaultdict(list)
        for each in replies:
            by_chat[each.chat].append(ours[each.quoted_id])
        states = {message_id: state for _row, message_id, state in rows if message_id in ours}
        records = SqliteRecords(self.config.parent / "data" / "records.sqlite3")
        done = Counter(each.message_id for each in records.audit() if each.message_id in ours)
        return Outcome(
            gateway_kills=self._gateway_kills,
            sent=self._sent,
            states=states,
            unknown={ids[int(key.partition(".")[0])] for (key,) in marked if "." in key}
            & ours.keys(),
            answers=Counter(each.quoted_id for each in replies if each.text != INTERRUPTED),
            notices=Counter(each.quoted_id for each in replies if each.text == INTERRUPTED),
            is_in_order=all(numbers == sorted(numbers) for numbers in by_chat.values()),
            done=done,
            interrupted={
                each.message_id
                for each in records.last_ignored(len(ours) * 10)
                if each.rule == "interrupted" and each.message_id in ours
            },
            wrong_chats=self._wrong_chats(repos, states.keys(), done.keys()),
            other_replies=[each.text for each in self._server.replies if each.quoted_id is None],
        )

    def _wrong_chats(
        self, repos: list[str], received: Collection[str], done: Collection[str]
    ) -> list[str]:
        """Return what chats say that do not work on the repo that was asked for last.

        Where nobody can say whether that was done, either repo is right.
        """
        last = {
            number % CHATS: (each.id, _repo(number))
            for number, each in enumerate(self._sent)
            if each.id in received
        }
        return [
            repos[chat]
            for chat, (message_id, repo) in last.items()
            if message_id in done and not repos[chat].startswith(f"*{repo}*")
        ]


def _repo(number: int) -> str:
    """Return the repo that a message asks for, by its place in the series."""
    return REPOS[number // CHATS % len(REPOS)]


def _shares(count: int, parts: int) -> list[int]:
    return [count // parts + (number < count % parts) for number in range(parts)]


def chosen_seed() -> int:
    """Return ``$CRASH_SEED``, else a random one; it is printed, for pytest to show on failure."""
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"CRASH_SEED={seed}")  # noqa: T201 - for whoever repeats it
    return seed
