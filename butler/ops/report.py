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
from typing import TextIO

from butler.chat.text import ago, duration
from butler.config import loading
from butler.config.schema import Config
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


@asynccontextmanager
async def reporting(folder: Path, state: Callable[[], LinkState]) -> AsyncIterator[None]:
    """Keep a status file on the link in the data folder while the block runs."""
    started = time.time()

    def report(now: LinkState) -> None:
        _write(folder / _FILE, _Report(os.getpid(), started, now.name, now.since, now.reason))

    async def report_forever() -> None:
        written = None
        while True:
            now = state()
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


def lines(config_path: Path | None) -> list[str]:
    """Return the lines of the status."""
    config = loading.read(config_path)
    account = linked_account(config.data_dir / "whatsapp")
    return [
        _line("account", account or "not linked; link with: butler pair"),
        *_daemon(config),
        *_journal(config.data_dir / "whatsapp" / "journal.sqlite3"),
    ]


def _daemon(config: Config) -> list[str]:
    report = _read_report(config.data_dir / _FILE)
    holder = _holder(config.data_dir / "daemon.lock")
    if holder is None:
        stopped = _line("daemon", "not running; start it with: butler run")
        return [stopped, _link(report)] if report and report.link == "ended" else [stopped]
    if report is None or holder != str(report.process):
        return [_line("daemon", f"process {holder} is starting, or is linking an account")]
    return [
        _line("daemon", f"process {report.process}, up {duration(time.time() - report.started)}"),
        _link(report),
    ]


def _link(report: _Report) -> str:
    reason = f" ({report.reason})" if report.reason else ""
    return _line("link", f"{report.link} for {duration(time.time() - report.since)}{reason}")


def _journal(path: Path) -> list[str]:
    if not is_there(path):
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            backlog, last_in, last_out = (
                db.execute(query).fetchone()[0] for query in (_BACKLOG, _LAST_IN, _LAST_OUT)
            )
    except sqlite3.Error as error:
        return [_line("journal", f"cannot be read: {error}")]
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
