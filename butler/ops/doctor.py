"""`butler doctor`: what the checks say, whether the link lives, and what was left behind."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from butler.app import Setup
from butler.chat.text import ago, duration
from butler.core.check_result import Finding
from butler.ops import backup, checks, control, report

_DAY_S: Final = 86_400.0
_QUIET_S: Final = 10 * _DAY_S
"""WhatsApp unlinks a device whose phone was away for 14 days (faq.whatsapp.com/378279804439436)."""
_SLOW_S: Final = 2.0
_OLD_S: Final = _DAY_S
"""Longer than any run, so nothing uses a temporary folder of that age."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line: what was found, and how to cure it without harm; None if only a person can."""

    finding: Finding
    cure: Callable[[], None] | None = None


def diagnoses(setup: Setup) -> list[Diagnosis]:
    """Look at everything; changes nothing except that it creates the data folder."""
    data = setup.config.data_dir
    return [
        *(Diagnosis(each) for each in checks.findings(setup)),
        *(Diagnosis(each) for each in checks.trials(setup)),
        *(Diagnosis(each) for each in _link(setup)),
        *_readable_by_others(data),
        *_sockets_of_the_dead(data / control.FOLDER_NAME),
        *_half_a_backup(data),
        *_databases_put_aside(data),
        *_temporary_folders(Path(tempfile.gettempdir())),
    ]


def cured(diagnosis: Diagnosis) -> Finding:
    """Apply the cure; return what there is to say then."""
    finding = diagnosis.finding
    if diagnosis.cure is None:
        return finding
    try:
        diagnosis.cure()
    except OSError as error:
        return Finding(False, finding.subject, f"cannot be mended: {error.strerror}")
    return Finding(True, finding.subject, f"mended: {finding.detail}")


def _link(setup: Setup) -> Iterator[Finding]:
    """Say whether the daemon lives, since when its link has been as it is, and the last message."""
    status = report.status(setup.path)
    if status.account is None or status.moved:
        return  # the checks say so
    if not status.is_running or status.report is None:
        yield Finding(False, "daemon", status.not_running)
        return
    link, since = status.report.link, duration(time.time() - status.report.since)
    if link == "connected":
        yield Finding(True, "link", f"connected for {since}")
    else:
        yield Finding(False, "link", f"{link} for {since}; see butler status")
    yield from _acknowledgements(status.report.acknowledged_in_s)
    last_in = status.journal.last_in if status.journal else None
    if last_in is not None and time.time() - last_in > _QUIET_S:
        yield Finding(
            True,
            "phone",
            f"no message since {ago(time.time() - last_in)}; WhatsApp unlinks Butler after 14 days "
            "without the phone, so open WhatsApp on it",
            is_note=True,
        )


def _acknowledgements(usual_s: float | None) -> Iterator[Finding]:
    """Say how long WhatsApp takes to acknowledge replies, which wait for each other."""
    if usual_s is None:
        return
    took = f"{usual_s:g}" if usual_s else "less than 0.01"  # as it is rounded to hundredths
    said = f"WhatsApp takes {took} s to acknowledge a reply"
    if usual_s > _SLOW_S:
        said += "; all replies wait for that, so look at the connection of this machine"
    yield Finding(True, "acknowledgement", said, is_note=usual_s > _SLOW_S)


def _readable_by_others(data: Path) -> Iterator[Diagnosis]:
    paths = [path for path in (data, *data.rglob("*")) if not path.is_symlink() and _is_open(path)]
    if paths:

        def close() -> None:
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    path.chmod(stat.S_IMODE(path.lstat().st_mode) & 0o700)

        others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        problem = f"others on this machine may read {paths[0]}{others}; butler doctor --fix"
        yield Diagnosis(Finding(False, "permissions", problem), close)


def _is_open(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return bool(found.st_mode & 0o077) and not stat.S_ISSOCK(found.st_mode)


def _sockets_of_the_dead(folder: Path) -> Iterator[Diagnosis]:
    for path in sorted(folder.glob("*.sock")):
        if path.stem.isdecimal() and not _is_alive(int(path.stem)):
            detail = f"{path.name} of a process that has ended; butler doctor --fix removes it"
            yield Diagnosis(Finding(True, "socket", detail, is_note=True), path.unlink)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _half_a_backup(data: Path) -> Iterator[Diagnosis]:
    folder = data / backup.FOLDER_NAME
    if folder.is_dir() and any(folder.iterdir()) and not _is_locked(data / "backup.lock"):

        def empty() -> None:
            shutil.rmtree(folder)

        detail = f"{folder} holds a backup that was cut off; butler doctor --fix removes it"
        yield Diagnosis(Finding(True, "backup", detail, is_note=True), empty)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _databases_put_aside(data: Path) -> Iterator[Diagnosis]:
    """Yield databases that somebody renamed, as the sentences on damaged ones advise."""
    known = ("-wal", "-shm", "-journal")
    for path in sorted(data.rglob("*.sqlite3?*")):
        if not path.name.endswith(known):
            size = -(-path.stat().st_size // 1_000_000)
            detail = f"{path} ({size} MB) is used by nothing; delete it once you do not need it"
            yield Diagnosis(Finding(True, "old database", detail, is_note=True))


def _temporary_folders(folder: Path) -> Iterator[Diagnosis]:
    now = time.time()
    for path in sorted(folder.glob("butler-*")):
        try:
            found = path.lstat()
        except OSError:
            continue
        is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if is_own and now - found.st_mtime > _OLD_S:
            detail = f"{path} was left by a process that was killed; butler doctor --fix removes it"

            def remove(path: Path = path) -> None:
                shutil.rmtree(path)

            yield Diagnosis(Finding(True, "folder", detail, is_note=True), remove)
