"""`butler status`: the state of the daemon and of its link to WhatsApp."""

import asyncio
import fcntl
import json
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TextIO

from butler.chat.text import ago, duration
from butler.config import loading
from butler.errors import DataError
from butler.storage.files import is_there, replace_file
from butler.transports.whatsapp import LinkState, linked_account

logger = logging.getLogger(__name__)

REPORT_EVERY_S = 1.0
_FILE = "status.json"
_BACKLOG = "SELECT count(*) FROM inbox WHERE state IN ('received', 'handed')"
_LAST_IN = "SELECT max(time) FROM inbox"
_LAST_OUT = "SELECT max(time) FROM outbox WHERE state = 'sent'"


@dataclass(frozen=True, slots=True)
class _Report:
    """The status file of a daemon; times in Unix seconds."""

    process: int
    started: float
    link: str
    since: float
    reason: str
    retry_at: float | None = None


@asynccontextmanager
async def reporting(
    folder: Path, state: Callable[[], LinkState], on_connected: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Keep a status file on the link in the data folder while the block runs.

    Args:
        folder: The data folder.
        state: Returns the state of the link.
        on_connected: Called when it is connected for the first time.
    """
    started = time.time()

    def report(now: LinkState) -> None:
        _write(
            folder / _FILE,
            _Report(os.getpid(), started, now.name, now.since, now.reason, now.retry_at),
        )

    async def report_forever() -> None:
        written, was_connected = None, False
        while True:
            now = state()
            if now.name == "connected" and not was_connected:
                was_connected = True
                on_connected()
            if now != written:
                written = now
                report(now)
            await asyncio.sleep(REPORT_EVERY_S)

    reporter = asyncio.create_task(report_forever(), name="status")
    try:
        yield
    finally:
        reporter.cancel()
        await asyncio.wait([reporter])
        report(state())


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
        journal: The number of messages that wait, and the times of the last in and out.
        journal_problem: Why the journal cannot be read.
    """

    account: str | None
    daemon: Literal["running", "starting", "stopped"]
    process: str | None
    report: _Report | None
    journal: tuple[int, float | None, float | None] | None
    journal_problem: str | None

    @property
    def is_running(self) -> bool:
        """Whether a daemon runs."""
        return self.daemon == "running"

    @property
    def fields(self) -> dict[str, object]:
        """The same by name."""
        report, (backlog, last_in, last_out) = self.report, self.journal or (None, None, None)
        return {
            "account": self.account,
            "daemon": self.daemon,
            "process": int(self.process) if self.process and self.process.isdecimal() else None,
            "started": report.started if report and self.is_running else None,
            "link": report.link if report else None,
            "since": report.since if report else None,
            "retry_at": report.retry_at if report else None,
            "reason": report.reason if report else None,
            "backlog": backlog,
            "last_in": last_in,
            "last_out": last_out,
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
    return Status(account, daemon, holder, report, journal, problem)


def lines(status: Status) -> list[str]:
    """Return the lines of the status."""
    return [
        _line("account", status.account or "not linked; link with: butler pair"),
        _line("daemon", _daemon(status)),
        *([_link(status.report)] if status.report else []),
        *_journal_lines(status),
    ]


def _daemon(status: Status) -> str:
    if status.daemon == "stopped":
        return "not running; start it with: butler run"
    if status.daemon == "starting" or status.report is None:
        return f"process {status.process} is starting, or is linking an account"
    up = duration(time.time() - status.report.started)
    return f"process {status.report.process}, up {up}"


def _link(report: _Report) -> str:
    tries = f", tries again at {_clock(report.retry_at)}" if report.retry_at else ""
    reason = f" ({report.reason})" if report.reason else ""
    return _line("link", f"{report.link} since {_clock(report.since)}{tries}{reason}")


def _clock(seconds: float) -> str:
    """Return a time of day, with its date unless that is today's."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%Y-%m-%d %H:%M", then)


def _journal(path: Path) -> tuple[tuple[int, float | None, float | None] | None, str | None]:
    if not is_there(path):
        return None, None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            backlog, last_in, last_out = (
                db.execute(query).fetchone()[0] for query in (_BACKLOG, _LAST_IN, _LAST_OUT)
            )
    except sqlite3.Error as error:
        return None, str(error)
    return (backlog, last_in, last_out), None


def _journal_lines(status: Status) -> list[str]:
    if status.journal_problem is not None:
        return [_line("journal", f"cannot be read: {status.journal_problem}")]
    if status.journal is None:
        return []
    backlog, last_in, last_out = status.journal
    return [
        _line("backlog", f"{backlog:,} waiting"),
        _line("last in", _when(last_in)),
        _line("last out", _when(last_out)),
    ]


def _read_report(path: Path) -> _Report | None:
    try:
        return _Report(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


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


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    return f"{at}, {ago(time.time() - seconds)}"
