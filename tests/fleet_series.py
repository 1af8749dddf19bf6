"""A hub, three workers and Redis, killed again and again while turns arrive."""

import asyncio
import random
import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from butler.fleet.keys import HubKeys, WorkerKeys, fleet_folder
from butler.testing import make_working_copy
from crash_series import Butler, eventually, link, query
from fleet_machines import RUNS
from redis_servers import Server
from whatsapp_server import WhatsAppServer

TURNS = 200
WORKERS = ("w0", "w1", "w2")
REPOS = ("a", "b")
SETTLE_S = 300

_NOTICE = re.compile(
    r"went away during|in the middle of this|was stopped while run|did not come back|"
    r"had finished when|did not say what became|cannot say whether|so nothing was started|"
    r"cannot start|so I cannot say"
)
_RUN = re.compile(r"\b[Rr]un (\d+)\b")
_LIMITS = """\
[limits]
person_per_minute = 100000
person_burst = 100000
chat_per_minute = 100000
[whatsapp]
messages_per_second = 100
messages_per_minute = 6000
burst = 1000
"""


class FleetSeries:
    """200 turns in 12 chats, each a run that adds a line to a file, and kills at random moments."""

    def __init__(self, server: WhatsAppServer, folder: Path, seed: int) -> None:
        self._server = server
        self._folder = folder
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._redis = Server(folder / "redis", "appendonly yes").start()
        self._people = [server.person(f"Person {number}") for number in range(12)]
        self._sent: list[tuple[str, str, int]] = []
        self.kills: Counter[str] = Counter()

    async def run(self, victims: list[str]) -> str:
        """Kill these in random order; return a summary of what holds."""
        self._random.shuffle(victims)
        await self._start()
        try:
            await self._choose_repos()
            shares = [
                TURNS // len(victims) + (n < TURNS % len(victims)) for n in range(len(victims))
            ]
            for victim, share in zip(victims, shares, strict=True):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._write(share))
                    await asyncio.sleep(self._random.uniform(0, 1.5))
                    await self._kill(victim)
            await eventually(self._is_settled, SETTLE_S, 1.0)
        finally:
            await self._end()
        return self.summary()

    async def _start(self) -> None:
        hub = self._config("server", (), _LIMITS)
        self._processes = {}
        await link(self._server, hub)
        for name in WORKERS:
            config = self._config(name, REPOS, RUNS)
            key = name.encode().ljust(32, b".")
            keys = WorkerKeys(fleet_folder(hub.parent / "data"))
            keys.invite(name, b"secret")
            keys.pair(name, b"secret", key)
            HubKeys(fleet_folder(config.parent / "data")).pair(name, "server", key)
            self._processes[name] = Butler(config, self._server, "worker")
        self._processes["server"] = Butler(hub, self._server, "run")
        for process in self._processes.values():
            await process.start()
        await self._server.wait_online()

    def _config(self, name: str, repos: tuple[str, ...], more: str) -> Path:
        home = self._folder / name
        home.mkdir()
        for repo in repos:
            make_working_copy(home / repo)
        tables = "".join(f'repos.{repo}.path = "{repo}"\n' for repo in repos)
        people = [f"+{person.phone}" for person in self._people]
        path = home / "config.toml"
        path.write_text(
            'data_dir = "data"\nnotify.restarts = false\n'
            f'machine.name = "{name}"\nredis.url = "{self._redis.url}"\n'
            f"access.users = {people}\n{tables}{more}"
        )
        path.chmod(0o600)
        return path

    async def _choose_repos(self) -> None:
        asked = []
        for number, person in enumerate(self._people):
            text = f"/use {self._place(number)}"
            asked.append((person, text))
        # The hub may not have seen all workers yet; then it is asked once more.
        left = dict.fromkeys(range(len(asked)))
        while left:
            ids = {}
            for number in left:
                person, text = asked[number]
                ids[(await self._say(person, text))] = number
            await self._answered(set(ids))
            for message_id, number in ids.items():
                if "now works on" in self._answers()[message_id][0]:
                    left.pop(number)

    async def _answered(self, ids: set[str]) -> None:
        await eventually(lambda: ids <= self._answers().keys(), 60, 0.2)

    def _person(self, number: int):
        """Return who writes the message of this number."""
        return self._people[number % len(self._people)]

    def _place(self, chat: int) -> str:
        return f"{WORKERS[chat % 3]}/{REPOS[chat // 3 % 2]}"

    async def _say(self, person, text: str) -> str:
        return (await self._server.send_text(text, sender=person, chat=person)).id

    async def _write(self, count: int) -> None:
        for _ in range(count):
            number = len(self._sent)
            person = self._person(number)
            mark = f"m{number:03}"
            self._sent.append((mark, "", id(person)))
            message_id = await self._say(person, f"/run echo {mark} >> acted; echo did {mark}")
            self._sent[number] = (mark, message_id, id(person))
            await asyncio.sleep(self._random.uniform(0, 0.3))

    async def _kill(self, victim: str) -> None:
        self.kills[victim] += 1
        if victim in ("redis", "redis emptied"):
            self._redis.kill()
            if victim == "redis emptied":
                for file in (self._folder / "redis").rglob("*.aof"):
                    file.unlink()
                for file in (self._folder / "redis").rglob("*.manifest"):
                    file.unlink()
            await asyncio.sleep(self._random.uniform(0, 1))
            self._redis.start()
            return
        name = self._random.choice(WORKERS) if victim == "worker" else "server"
        await self._processes[name].kill()
        await asyncio.sleep(self._random.uniform(0, 1))
        await self._processes[name].start()

    async def _end(self) -> None:
        for process in self._processes.values():
            await process.end()
        self._redis.kill()

    def _answers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for reply in self._server.replies:
            if reply.quoted_id:
                found.setdefault(reply.quoted_id, []).append(reply.text)
        return found

    def _acted(self) -> Counter[str]:
        files = [self._folder / name / repo / "acted" for name in WORKERS for repo in REPOS]
        return Counter(line for file in files if file.exists() for line in file.read_text().split())

    def untold(self) -> list[str]:
        """Return the marks whose chats were told neither an answer nor of a loss.

        The library confirms messages before the gateway sees them, and a gateway ends with its
        hub: what never reached the journal is none of the fleet's, see ``crash_series``.
        """
        config = self._folder / "server" / "config.toml"
        received = {row[0] for row in query(config, "SELECT message_id FROM inbox")}
        answers, numbers = self._answers(), self._numbers()
        told = {
            (id(reply.chat), int(number))
            for reply in self._server.replies
            if _NOTICE.search(reply.text)
            for number in _RUN.findall(reply.text)
        }
        untold = []
        for mark, message_id, chat in self._sent:
            said = answers.get(message_id, [])
            is_answered = any(f"did {mark}" in text or _NOTICE.search(text) for text in said)
            is_told = is_answered or (chat, numbers.get(mark)) in told
            if message_id in received and not is_told:
                untold.append(mark)
        return untold

    def _numbers(self) -> dict[str, int]:
        """Return the numbers of the runs, by their marks."""
        found = {}
        for name in WORKERS:
            path = self._folder / name / "data" / "runs.sqlite3"
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as db:
                for number, prompt in db.execute("SELECT number, prompt FROM details"):
                    found[prompt[-len("m000") :]] = number
        return found

    def lost(self) -> list[str]:
        """Return the marks of ``untold`` that no reply of unknown outcome in their chats explains.

        A reply that was interrupted while it was sent may have arrived, and is not sent again.
        """
        unknown = self._unknown()
        lost = []
        for mark in self.untold():
            person = self._person(int(mark[1:]))
            if unknown[person.lid]:
                unknown[person.lid] -= 1
            else:
                lost.append(mark)
        return lost

    def _is_settled(self) -> bool:
        return not self.lost()

    def summary(self) -> str:
        acted, did = self._acted(), self._did()
        answered = sum(count > 0 for count in did.values())
        double = sum(count > 1 for count in did.values())
        return (
            f"{len(self._sent)} turns, {dict(self.kills)} killed: {len(acted)} acted on, "
            f"{sum(count > 1 for count in acted.values())} twice, {answered} answered, "
            f"{double} answered double, {len(self._sent) - answered} not answered, "
            f"{len(self.untold())} of them received and told nothing, "
            f"{self._unknown().total()} replies of unknown outcome, "
            f"{self._double_numbers()} run numbers given twice"
        )

    def _did(self) -> Counter[str]:
        """Return how many replies hold the answer of a run, by their marks."""
        answers = self._answers()
        return Counter(
            mark
            for mark, message_id, _chat in self._sent
            for text in answers.get(message_id, [])
            if f"did {mark}" in text
        )

    def _double_numbers(self) -> int:
        """Return how many run numbers were given on more than one machine."""
        given: Counter[int] = Counter()
        for name in WORKERS:
            path = self._folder / name / "data" / "runs.sqlite3"
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as db:
                given.update(number for (number,) in db.execute("SELECT number FROM runs"))
        return sum(count > 1 for count in given.values())

    def replies_to(self, mark: str) -> list[str]:
        """Return what quotes a message, for whoever looks for a mistake."""
        (message_id,) = [each for name, each, _chat in self._sent if name == mark]
        return self._answers().get(message_id, [])

    def check(self) -> None:
        """Assert what must hold."""
        assert {mark: n for mark, n in self._acted().items() if n > 1} == {}
        assert self._double_numbers() == 0
        assert {mark: n for mark, n in self._did().items() if n > 1} == {}
        assert self.lost() == []

    def _unknown(self) -> Counter[str]:
        """Return how many replies have an unknown outcome, by the LIDs of their chats."""
        rows = query(
            self._folder / "server" / "config.toml",
            "SELECT chat FROM outbox WHERE state = 'unknown'",
        )
        return Counter(chat.partition("@")[0] for (chat,) in rows)
