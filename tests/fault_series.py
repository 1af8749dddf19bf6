"""Faults at random moments under a steady load; and what must hold afterwards."""

import asyncio
import errno
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from butler.records.sqlite import SqliteRecords
from crash_series import Butler, eventually, link, query, write_config
from failing_disk import FailingDisk
from shifted_clock import ShiftedClock
from whatsapp_server import Group, Person, WhatsAppServer

CHATS = 50
PER_SECOND = 5.0
BACK_WITHIN_S = 60.0
DAY_S = 24 * 3600
QUICK_WITHIN_S = 1.0
OF_EVERYBODY = ("EROFS", "ENOSPC", "EIO", "freeze", "lock of whatsapp/journal")
"""The faults in which nobody can be answered, as nothing is read or nothing can be journaled."""


@dataclass(slots=True)
class Outcome:
    """What became of a series; times in seconds.

    Attributes:
        sent: How many messages there were.
        answers: How often each number of answers occurred.
        unknown: How many replies are marked as unknown.
        done_twice: The messages that are in the audit more than once.
        unanswered: The messages without an answer whose reply is not marked as unknown.
        waits: How long answers took, in order, by what was going on meanwhile.
        back: How long after the end of each fault all was answered.
        slowest: The longest waits where others were answered: when, how long, and what went on.
        said: What the log said of each fault.
    """

    sent: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    unknown: int = 0
    done_twice: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    waits: dict[str, list[float]] = field(default_factory=dict)
    back: list[tuple[str, float]] = field(default_factory=list)
    slowest: list[tuple[float, float, str]] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)

    @property
    def p99s(self) -> dict[str, float]:
        """The 99th percentiles of the waits where a fault is not one of everybody."""
        return {
            fault: _p99(waits)
            for fault, waits in self.waits.items()
            if fault.removeprefix("after ") not in OF_EVERYBODY
        }

    def __str__(self) -> str:
        quick = {
            fault: f"{len(waits)}: p50 {waits[len(waits) // 2]:.2f} p99 {_p99(waits):.2f}"
            for fault, waits in self.waits.items()
        }
        back = Counter[str]()
        for fault, seconds in self.back:
            back[fault] = max(back[fault], round(seconds))
        return (
            f"{self.sent} messages, answers a message {dict(self.answers)}, "
            f"{self.unknown} unknown; unanswered {len(self.unanswered)}, "
            f"done twice {len(self.done_twice)}; "
            f"waits {quick}; slowest {self.slowest}; "
            f"back at the latest after {dict(back)} s; said {dict(self.said)}"
        )


def _p99(waits: list[float]) -> float:
    return waits[min(len(waits) - 1, int(len(waits) * 0.99))]


class FaultSeries:
    """Five messages a second in 50 chats, while one fault after the other comes and goes."""

    def __init__(self, server: WhatsAppServer, folder: Path, seed: int, duration_s: float) -> None:
        self._server = server
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._duration_s = duration_s
        people = [server.person(f"Person {number}") for number in range(CHATS // 2)]
        groups = [
            server.group(f"Group {number}", people[number : number + 3])
            for number in range(CHATS // 2)
        ]
        self._silent = server.group("Silent", people[:2])
        self._chats: list[tuple[Person, Person | Group]] = [
            *((person, person) for person in people),
            *((group.members[0], group) for group in groups),
        ]
        self._config = write_config(folder, [*groups, self._silent], people)
        self._data = folder / "data"
        self._disk, self._clock = FailingDisk(folder), ShiftedClock(folder)
        self._sent: dict[str, float] = {}
        self._answered: dict[str, float] = {}
        self._audit: Counter[str] = Counter()
        self._phases: list[tuple[float, str]] = []
        self._now = "nothing"
        self._outcome = Outcome()

    @property
    def _now(self) -> str:
        """What goes on now."""
        return self._phases[-1][1]

    @_now.setter
    def _now(self, phase: str) -> None:
        self._phases.append((time.monotonic(), phase))

    async def run(self) -> Outcome:
        """Write for the whole time, with faults; return what became of the messages."""
        await link(self._server, self._config)
        both = (self._disk.environment, self._clock.environment)
        libraries = ":".join(each["LD_PRELOAD"] for each in both)
        environment = {**both[0], **both[1], "LD_PRELOAD": libraries}
        async with Butler(self._config, self._server, "run", environment=environment) as butler:
            await self._server.wait_online()
            self._butler = butler
            ends_at = time.monotonic() + self._duration_s
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen())
                writing = group.create_task(self._write(ends_at))
                await self._break_things(ends_at)
                await writing
                await self._all_answered()
                listening.cancel()
            await asyncio.sleep(1.0)  # the last turns are acknowledged
            assert butler.process.returncode is None
            self._sum_up(butler.log)
        assert butler.process.returncode == 0
        return self._outcome

    async def _write(self, ends_at: float) -> None:
        number = 0
        while time.monotonic() < ends_at:
            sender, chat = self._chats[number % CHATS]
            number += 1
            at = time.monotonic()
            sent = await self._server.send_text("/use api", sender=sender, chat=chat)
            self._sent[sent.id] = at
            await asyncio.sleep(self._random.expovariate(PER_SECOND))

    async def _listen(self) -> None:
        seen = 0
        while True:
            replies = self._server.replies
            for each in replies[seen:]:
                if each.quoted_id is not None:
                    self._answered.setdefault(each.quoted_id, time.monotonic())
            seen = len(replies)
            await asyncio.sleep(0.02)

    async def _break_things(self, ends_at: float) -> None:
        faults = [
            *(self._failing(each) for each in (errno.EROFS, errno.ENOSPC, errno.EIO)),
            *(self._locked(each) for each in ("records", "grants", "whatsapp/journal")),
            *(self._jumping(each) for each in (DAY_S, 40 * DAY_S, -int(time.time()))),
            *(self._frozen, self._vanished, self._damaged, self._silenced),
        ]
        while ends_at - time.monotonic() > BACK_WITHIN_S:
            self._random.shuffle(faults)
            for fault in faults:
                if ends_at - time.monotonic() < BACK_WITHIN_S / 2:
                    return
                await asyncio.sleep(self._random.uniform(2.0, 5.0))
                async with fault():
                    await asyncio.sleep(self._random.uniform(3.0, 8.0))
                await self._come_back()

    async def _come_back(self) -> None:
        """Wait until everything that was written before is answered, and then the rest, too."""
        before, ended, fault = set(self._sent), time.monotonic(), self._now
        self._now = f"after {fault}"
        with suppress(TimeoutError):
            await eventually(lambda: self._open(before) == 0, BACK_WITHIN_S, 0.1)
        self._outcome.back.append((fault, time.monotonic() - ended))
        with suppress(TimeoutError):
            await eventually(lambda: self._open(self._overdue()) == 0, BACK_WITHIN_S, 0.1)
        self._now = "nothing"

    def _overdue(self) -> set[str]:
        """Return the messages that should be answered by now."""
        before = time.monotonic() - QUICK_WITHIN_S / 2
        return {each for each, at in self._sent.items() if at < before}

    def _open(self, ids: set[str]) -> int:
        return len(ids - self._answered.keys() - self._unknown())

    def _unknown(self) -> set[str]:
        with suppress(sqlite3.Error):
            marked = query(self._config, "SELECT key FROM outbox WHERE state = 'unknown'")
            rows = {int(key.partition(".")[0]) for (key,) in marked if "." in key}
            found = query(self._config, "SELECT row, message_id FROM inbox")
            return {message_id for row, message_id in found if row in rows}
        return set()

    async def _all_answered(self) -> None:
        with suppress(TimeoutError):
            await eventually(lambda: self._open(set(self._sent)) == 0, BACK_WITHIN_S, 0.2)

    # The faults

    def _failing(self, error: int) -> Callable[[], AbstractAsyncContextManager[None]]:
        @asynccontextmanager
        async def failing() -> AsyncIterator[None]:
            self._now = errno.errorcode[error]
            self._disk.fail(error)
            yield
            self._disk.fail(0)

        return failing

    def _locked(self, name: str) -> Callable[[], AbstractAsyncContextManager[None]]:
        @asynccontextmanager
        async def locked() -> AsyncIterator[None]:
            self._now = f"lock of {name}"
            path = self._data / f"{name}.sqlite3"
            with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as db:
                db.execute("BEGIN IMMEDIATE")
                yield
                db.execute("ROLLBACK")

        return locked

    @asynccontextmanager
    async def _frozen(self) -> AsyncIterator[None]:
        self._now = "freeze"
        gateway = await self._butler.gateway()
        for each in (self._butler.process.pid, gateway):
            os.kill(each, signal.SIGSTOP)
        yield
        await asyncio.sleep(32.0)
        for each in (gateway, self._butler.process.pid):
            os.kill(each, signal.SIGCONT)

    @asynccontextmanager
    async def _vanished(self) -> AsyncIterator[None]:
        self._now = "vanished"
        self._keep_audit()
        for each in self._data.glob("records.sqlite3*"):
            each.unlink()
        yield

    @asynccontextmanager
    async def _silenced(self) -> AsyncIterator[None]:
        self._now = "silent chat"
        self._server.faults.silence(self._silent)
        for _ in range(2):
            sender = self._silent.members[0]
            await self._server.send_text("/use web", sender=sender, chat=self._silent)
        yield
        await asyncio.sleep(30.0)

    def _jumping(self, seconds: int) -> Callable[[], AbstractAsyncContextManager[None]]:
        @asynccontextmanager
        async def jumping() -> AsyncIterator[None]:
            self._now = f"clock {seconds / DAY_S:+.0f} days"
            self._clock.shift(seconds)
            yield
            self._clock.shift(0)

        return jumping

    @asynccontextmanager
    async def _damaged(self) -> AsyncIterator[None]:
        """Damage the records, until somebody moves them aside as the log says."""
        self._now = "damage"
        self._keep_audit()
        records = self._data / "records.sqlite3"
        with closing(sqlite3.connect(records, isolation_level=None, timeout=20)) as db:
            # So that nobody still has it in memory, or in the log.
            db.execute("DELETE FROM ignored WHERE false")
            db.execute("PRAGMA user_version = 1")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with records.open("r+b") as file:
            file.write(b"\xff" * records.stat().st_size)
        yield
        for each in self._data.glob("records.sqlite3*"):
            each.rename(each.with_name(f"damaged.{each.name}.{len(self._phases)}"))

    # What came of it

    def _keep_audit(self) -> None:
        records = SqliteRecords(self._data / "records.sqlite3")
        self._audit.update(each.message_id for each in records.audit())

    def _note_slow(self, at: float, waited_s: float, fault: str) -> None:
        if fault.removeprefix("after ") not in OF_EVERYBODY and waited_s > QUICK_WITHIN_S / 2:
            since_start_s = at - self._phases[0][0]
            self._outcome.slowest.append((round(since_start_s, 1), round(waited_s, 2), fault))

    def _phase(self, since: float, until: float) -> str:
        """Return what went on in a time; of several things the first fault."""
        ends = [*(at for at, _phase in self._phases[1:]), float("inf")]
        during = [
            phase
            for (began, phase), ended in zip(self._phases, ends, strict=True)
            if began <= until and ended >= since
        ]
        return next((each for each in during if each != "nothing"), "nothing")

    def _sum_up(self, log: str) -> None:
        outcome, unknown = self._outcome, self._unknown()
        self._keep_audit()
        answers = Counter(each.quoted_id for each in self._server.replies)
        outcome.sent = len(self._sent)
        outcome.answers = Counter(answers[each] for each in self._sent)
        outcome.unknown = len(unknown & self._sent.keys())
        outcome.unanswered = [e for e in self._sent if not answers[e] and e not in unknown]
        outcome.done_twice = [e for e in self._sent if self._audit[e] > 1]
        for each, at in self._sent.items():
            if each in self._answered:
                fault = self._phase(at, self._answered[each])
                outcome.waits.setdefault(fault, []).append(self._answered[each] - at)
                self._note_slow(at, self._answered[each] - at, fault)
        for waits in outcome.waits.values():
            waits.sort()
        for said in (
            *(
                "read-only file system",
                "is full",
                "input/output error",
                "keeps the database locked",
            ),
            *("frozen for", "has vanished", "is damaged", "is not a database"),
            *("ahead of WhatsApp's", "behind WhatsApp's", "set aside for", "Traceback"),
        ):
            outcome.said[said] = log.count(said)
