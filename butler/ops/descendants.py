"""The processes that Butler started, and those that these started: none outlives it."""

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_AGAIN_S = 0.05


def adopt() -> None:
    """Become the parent of every orphan below, see prctl(2); without effect outside of Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all(limit_s: float) -> list[str]:
    """Kill every process below this one; return the names of those that are left; blocks.

    Where Butler is a service of systemd, those of its control group are ended, too.

    Args:
        limit_s: How long to wait for their end.
    """
    give_up_at = time.monotonic() + limit_s
    while found := _others():
        for process_id in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process_id, signal.SIGKILL)
            _reap(process_id)
        if time.monotonic() > give_up_at:
            return [_name(each) for each in sorted(_others())]
        time.sleep(_LOOK_AGAIN_S)
    for process_id in _children(os.getpid()):
        _reap(process_id)
    return []


class Zombies:
    """The ended processes that Butler has adopted and nobody waits for."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def reap(self) -> None:
        """Remove those that were there the last time, too: what has a parent is waited for soon."""
        found = {each for each in _children(os.getpid()) if not _is_alive(each)}
        for process_id in found & self._seen:
            _reap(process_id)
        self._seen = found


def _others() -> set[int]:
    return {each for each in {*_below(os.getpid()), *_in_control_group()} if _is_alive(each)}


def _below(ancestor: int) -> Iterator[int]:
    """Yield all descendants, as far as the system tells."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if (stat := _stat(int(folder.name))) is not None:
            children.setdefault(int(stat[1]), []).append(int(folder.name))
    parents = [ancestor]
    while parents:
        found = children.get(parents.pop(), [])
        yield from found
        parents += found


def _children(process_id: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        stat = _stat(int(folder.name))
        if stat is not None and int(stat[1]) == process_id:
            yield int(folder.name)


def _in_control_group() -> Iterator[int]:
    """Yield the other processes of this service; none where Butler is not one by itself."""
    if os.environ.get("SYSTEMD_EXEC_PID") != str(os.getpid()):
        return
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            number, controllers, place = line.split(":", 2)
            if number == "0" or controllers == "name=systemd":
                root = Path("/sys/fs/cgroup" if number == "0" else "/sys/fs/cgroup/systemd")
                members = (root / place.lstrip("/") / "cgroup.procs").read_text(encoding="utf-8")
                yield from {int(each) for each in members.split()} - {os.getpid()}


def _is_alive(process_id: int) -> bool:
    stat = _stat(process_id)
    return stat is not None and stat[0] not in ("Z", "X")


def _reap(process_id: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(process_id, os.WNOHANG)


def _name(process_id: int) -> str:
    with suppress(OSError):
        command = Path(f"/proc/{process_id}/comm").read_text(encoding="utf-8", errors="replace")
        return f"{command.strip()} ({process_id})"
    return str(process_id)


def _stat(process_id: int) -> list[str] | None:
    """Return the fields from the state on, see proc_pid_stat(5); None if it is gone."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_bytes()
    except OSError:
        return None
    return stat.rpartition(b")")[2].decode().split()
