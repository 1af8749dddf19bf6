"""`butler status`: the state of the daemon and of its link to WhatsApp."""

import asyncio
import fcntl
import json
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TextIO

from butler.chat.text import duration, listed
from butler.config import loading
from butler.errors import DataError
from butler.ops.clock import ClockComplaint, clock_offset, is_wrong
from butler.ops.data_files import LEAST_FREE_BYTES, room
from butler.ops.figures import JournalFigures, journal_figures, journal_lines
from butler.ops.link_words import link_words
from butler.storage.files import replace_file
from butler.transports.whatsapp import LinkState, linked_account

logger = logging.getLogger(__name__)

REPORT_EVERY_S = 1.0
_FILE = "status.json"


@dataclass(frozen=True, slots=True)
class Inside:
    """What only the daemon knows of itself.

    Attributes:
        waiting_records: How many records cannot be written for now.
        lost_files: Files that vanished while it ran.
    """

    waiting_records: int = 0
    lost_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Report:
    """The status file of a daemon; times in Unix seconds."""

    process: int
    started: float
    link: str
    since: float
    reason: str
    retry_at: float | None = None
    waiting_records: int = 0
    lost_files: Sequence[str] = ()
    set_aside: Sequence[str] = ()
    undecryptable: int = 0
    is_deaf: bool = False
    clock_ahead_s: float | None = None


@asynccontextmanager
async def reporting(
    folder: Path,
    state: Callable[[], LinkState],
    on_connected: Callable[[], None] = lambda: None,
    inside: Callable[[], Inside] = Inside,
) -> AsyncIterator[None]:
    """Keep a status file on the link in the data folder while the block runs.

    Args:
        folder: The data folder.
        state: Returns the state of the link.
        on_connected: Called when it is connected for the first time.
        inside: Returns what else the daemon knows of itself.
    """
    started, clock = time.time(), ClockComplaint()

    def report(now: LinkState, known: Inside) -> None:
        _write(
            folder / _FILE,
            _Report(
                *(os.getpid(), started, now.name, now.since, now.reason, now.retry_at),
                *(known.waiting_records, known.lost_files),
                set_aside=now.health.set_aside,
                undecryptable=now.health.undecryptable,
                is_deaf=now.health.is_deaf,
                clock_ahead_s=now.health.clock_ahead_s,
            ),
        )

    async def report_forever() -> None:
        written, was_connected = None, False
        while True:
            now, known = state(), inside()
            if now.name == "connected" and not was_connected:
                was_connected = True
                on_connected()
            if (now, known) != written:
                written = now, known
                report(now, known)
                clock.look(now.health.clock_ahead_s)
            await asyncio.sleep(REPORT_EVERY_S)

    reporter = asyncio.create_task(report_forever(), name="status")
    try:
        yield
    finally:
        reporter.cancel()
        await asyncio.wait([reporter])
        report(state(), inside())


def forget(folder: Path) -> None:
    """Delete the status of an earlier daemon's link, as the account was linked again."""
    (folder / _FILE).unlink(missing_ok=True)


def _write(path: Path, report: _Report) -> None:
    try:
        replace_file(path, json.dumps(asdict(report)).encode())
    except DataError as error:
        logger.warning("cannot update the status: %s", error)


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to know of the daemon, its link and its backlog; times in Unix seconds.

    Attributes:
        account: The linked phone number.
        daemon: ``running``, ``starting`` (or linking an account), or ``stopped``.
        process: The id of its process.
        report: What it says of itself; of a stopped one only why its link ended.
        journal: The figures of the journal.
        journal_problem: Why the journal cannot be read.
        free_bytes: The room on the disk of the data folder.
    """

    account: str | None
    daemon: Literal["running", "starting", "stopped"]
    process: str | None
    report: _Report | None
    journal: JournalFigures | None
    journal_problem: str | None
    free_bytes: int | None

    @property
    def is_running(self) -> bool:
        """Whether a daemon runs."""
        return self.daemon == "running"

    @property
    def is_healthy(self) -> bool:
        """Whether a daemon runs, its link is up, and its messages can be read."""
        report = self.report
        return self.is_running and bool(
            report and report.link == "connected" and not report.is_deaf
        )

    @property
    def fields(self) -> dict[str, object]:
        """The same by name."""
        report, journal = self.report, self.journal
        known = report if report and self.is_running else None
        return {
            "account": self.account,
            "daemon": self.daemon,
            "process": int(self.process) if self.process and self.process.isdecimal() else None,
            "started": known.started if known else None,
            "link": report.link if report else None,
            "since": report.since if report else None,
            "retry_at": report.retry_at if report else None,
            "reason": report.reason if report else None,
            "backlog": journal.backlog if journal else None,
            "waiting_since": journal.waiting_since if journal else None,
            "last_in": journal.last_in if journal else None,
            "last_out": journal.last_out if journal else None,
            "replies_untold": journal.untold if journal else None,
            "replies_unknown": journal.unknown if journal else None,
            "free_bytes": self.free_bytes,
            "waiting_records": known.waiting_records if known else None,
            "lost_files": list(known.lost_files) if known else None,
            "set_aside": list(known.set_aside) if known else None,
            "undecryptable": known.undecryptable if known else None,
            "is_deaf": known.is_deaf if known else None,
            "clock_ahead_s": known.clock_ahead_s if known else None,
        }


def status(config_path: Path | None) -> Status:
    """Look at the disk: return the status."""
    config = loading.read(config_path)
    report = _read_report(config.data_dir / _FILE)
    holder = _holder(config.data_dir / "daemon.lock")
    daemon: Literal["running", "starting", "stopped"] = "running"
    if holder is None:
        daemon, report = "stopped", report if report and report.link == "ended" else None
    elif report is None or holder != str(report.process):
        daemon, report = "starting", None
    journal, problem = _journal(config.data_dir / "whatsapp" / "journal.sqlite3")
    account = linked_account(config.data_dir / "whatsapp")
    free_bytes = room(config.data_dir)
    return Status(account, daemon, holder, report, journal, problem, free_bytes)


def clock_ahead_s(folder: Path) -> float | None:
    """Return how far the daemon of a data folder last saw the clock ahead; None if unknown."""
    report = _read_report(folder / _FILE)
    return report.clock_ahead_s if report else None


def lines(status: Status) -> list[str]:
    """Return the lines of the status."""
    return [
        _line("account", status.account or "not linked; link with: butler pair"),
        _line("daemon", _daemon(status)),
        *([_link(status.report)] if status.report else []),
        *_journal_lines(status),
        *_health_lines(status),
    ]


def _daemon(status: Status) -> str:
    if status.daemon == "stopped":
        return "not running; start it with: butler run"
    if status.daemon == "starting" or status.report is None:
        return f"process {status.process} is starting, or is linking an account"
    up = duration(time.time() - status.report.started)
    return f"process {status.report.process}, up {up}"


def _link(report: _Report) -> str:
    return _line("link", link_words(report.link, report.since, report.retry_at, report.reason))


def _journal(path: Path) -> tuple[JournalFigures | None, str | None]:
    try:
        return journal_figures(path), None
    except sqlite3.Error as error:
        return None, str(error)


def _journal_lines(status: Status) -> list[str]:
    if status.journal_problem is not None:
        return [_line("journal", f"cannot be read: {status.journal_problem}")]
    if status.journal is None:
        return []
    return [_line(*each) for each in journal_lines(status.journal)]


def _health_lines(status: Status) -> list[str]:
    """Return what is not as it should be; nothing if all is well."""
    report, found = status.report, list[tuple[str, str]]()
    if report is not None and status.is_running:
        if report.is_deaf:
            found.append(
                ("messages", "none can be decrypted; link again: butler unlink, then butler pair")
            )
        elif report.undecryptable:
            found.append(("messages", f"{report.undecryptable:,} could not be decrypted"))
        if report.set_aside:
            found.append(("set aside", f"{listed(report.set_aside)}; they are tried again"))
        if report.waiting_records:
            found.append(("records", f"{report.waiting_records:,} wait to be written"))
        found += [("file lost", f"{each}; put it back, then restart") for each in report.lost_files]
        if report.clock_ahead_s is not None and is_wrong(report.clock_ahead_s):
            found.append(("clock", f"{clock_offset(report.clock_ahead_s)}; set it right"))
    is_low = status.free_bytes is not None and status.free_bytes < LEAST_FREE_BYTES
    if status.free_bytes is not None and (is_low or status.is_running):
        found.append(("disk", f"{status.free_bytes / 1_000_000:,.0f} MB free"))
    return [_line(*each) for each in found]


def _read_report(path: Path) -> _Report | None:
    try:
        return _Report(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def daemon_process(folder: Path) -> int | None:
    """Return the id of the daemon's process on a data folder; None if there is none."""
    holder = _holder(folder / "daemon.lock")
    return int(holder) if holder and holder.isdecimal() else None


def _holder(path: Path) -> str | None:
    """Return the id of the process that locks the data folder; None if there is none."""
    try:
        with path.open(errors="replace") as file:
            return None if _is_free(file) else file.read(32).strip()
    except OSError:
        return None


def _is_free(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _line(subject: str, detail: str) -> str:
    return f"{subject:<9} {detail}"
