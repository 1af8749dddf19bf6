"""`butler status`: the state of the daemon and of its link to WhatsApp."""

import fcntl
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from butler.chat.text import duration, listed
from butler.config import loading
from butler.config.schema import Config
from butler.ops.clock import clock_offset, is_wrong
from butler.ops.data_files import LEAST_FREE_BYTES, room
from butler.ops.figures import JournalFigures, journal_figures, journal_lines
from butler.ops.link_words import link_words
from butler.ops.moved_link import moved_link
from butler.ops.reporting import Report, read_report
from butler.storage.disk import DiskTrouble, disk_trouble
from butler.transports.whatsapp import linked_account


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
        disk_trouble: Why nothing can be written there, so that the report may be an old one.
        moved: What to know where a backup moved the link elsewhere; else "".
    """

    account: str | None
    daemon: Literal["running", "starting", "stopped"]
    process: str | None
    report: Report | None
    journal: JournalFigures | None
    journal_problem: str | None
    free_bytes: int | None
    disk_trouble: DiskTrouble | None = None
    moved: str = ""

    @property
    def is_running(self) -> bool:
        """Whether a daemon runs."""
        return self.daemon == "running"

    @property
    def not_running(self) -> str:
        """What there is to say where no daemon runs, with the way out."""
        return (
            f"not running. {self.moved}" if self.moved else "not running; start it with: butler run"
        )

    @property
    def is_healthy(self) -> bool:
        """Whether a daemon runs, its link is up, and its messages can be read and kept."""
        report = self.report
        return self.is_running and bool(
            report
            and report.link == "connected"
            and not report.is_deaf
            and self.disk_trouble is None
        )

    @property
    def fields(self) -> dict[str, object]:
        """The same by name."""
        report, journal = self.report, self.journal
        known = report if report and self.is_running else None
        return {
            "account": self.account,
            "is_moved": bool(self.moved),
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
            "disk_problem": self.disk_trouble.reason if self.disk_trouble else None,
            "waiting_records": known.waiting_records if known else None,
            "lost_files": list(known.lost_files) if known else None,
            "set_aside": list(known.set_aside) if known else None,
            "undecryptable": known.undecryptable if known else None,
            "is_deaf": known.is_deaf if known else None,
            "clock_ahead_s": known.clock_ahead_s if known else None,
        }


def status(config_path: Path | None) -> Status:
    """Look at the disk: return the status."""
    return status_of(loading.read(config_path))


def status_of(config: Config, *, by_writing: bool = True) -> Status:
    """Look at the disk: return the status of what a configuration names.

    Args:
        config: The configuration.
        by_writing: Also try whether the disk can be written.
    """
    report = read_report(config.data_dir)
    holder = lock_holder(config.data_dir / "daemon.lock")
    daemon: Literal["running", "starting", "stopped"] = "running"
    if holder is None:
        daemon, report = "stopped", report if report and report.link == "ended" else None
    elif report is None or holder != str(report.process):
        daemon, report = "starting", None
    folder = config.data_dir / "whatsapp"
    journal, problem = _journal(folder / "journal.sqlite3")
    account, moved = linked_account(folder), moved_link(folder)
    free_bytes = room(config.data_dir)
    trouble = (
        disk_trouble(config.data_dir, by_writing=by_writing) if config.data_dir.is_dir() else None
    )
    return Status(account, daemon, holder, report, journal, problem, free_bytes, trouble, moved)


def clock_ahead_s(folder: Path) -> float | None:
    """Return how far the daemon of a data folder last saw the clock ahead; None if unknown."""
    report = read_report(folder)
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
        return status.not_running
    if status.daemon == "starting" or status.report is None:
        return f"process {status.process} is starting, or is linking an account"
    up = duration(time.time() - status.report.started)
    return f"process {status.report.process}, up {up}"


def _link(report: Report) -> str:
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
    if (trouble := status.disk_trouble) is not None:
        how = "is full" if trouble.is_full else "cannot be written to"
        kept = (
            "until it can be, WhatsApp keeps new messages, and the link is shown as it was before"
        )
        return [_line(*each) for each in (*found, ("disk", f"{how} ({trouble.reason}); {kept}"))]
    is_low = status.free_bytes is not None and status.free_bytes < LEAST_FREE_BYTES
    if status.free_bytes is not None and (is_low or status.is_running):
        found.append(("disk", f"{status.free_bytes / 1_000_000:,.0f} MB free"))
    return [_line(*each) for each in found]


def daemon_process(folder: Path) -> int | None:
    """Return the id of the daemon's process on a data folder; None if there is none."""
    return _process_of(folder / "daemon.lock")


def worker_process(folder: Path) -> int | None:
    """Return the id of the process that works for hubs on a data folder; None if none does."""
    return _process_of(folder / "fleet" / "worker.lock")


def _process_of(lock: Path) -> int | None:
    holder = lock_holder(lock)
    return int(holder) if holder and holder.isdecimal() else None


def lock_holder(path: Path) -> str | None:
    """Return the id of the process that holds a lock of the data folder; None if none does."""
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
