"""Watch the total resources of a run: its processes, and the data it adds to the disk."""

import asyncio
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from butler_run.agents import LimitReachedError
from butler_run.agents.process.enclosure import Watched
from butler_run.sandbox.boundary import MB, Limits

EVERY_S = 1.0
# Scanning a large tree costs time, so the interval grows with the duration of a scan.
_REST = 30
_MAX_LAST_LOOK_S = 5.0
_BLOCK_BYTES = 512
_OF_GIT = frozenset({".git", "config", "config.worktree", "commondir"})


@dataclass(slots=True)
class Look:
    """The result of a scan of a run's folders."""

    size_bytes: int = 0
    full_files: list[Path] = field(default_factory=list)
    special_files: list[Path] = field(default_factory=list)
    changed: list[Path] = field(default_factory=list)
    is_complete: bool = True


class Watch:
    """Ends a run that exceeds its limits.

    Args:
        limits: What it may use.
        folders: Where it may write, and what it leaves there stays.
        passing: Where it may write, and nothing stays.

    Attributes:
        full_files: The files that reached the maximum size.
        special_files: The pipes, sockets and devices that it made.
        nested: What git would take commands from in folders below, and that it made or changed.
    """

    def __init__(
        self, limits: Limits, folders: Sequence[Path], passing: Sequence[Path] = ()
    ) -> None:
        self._limits = limits
        self._staying = folders
        self._folders = (*folders, *passing)
        self._began_at = time.time()
        self._before_bytes = 0
        self._free_bytes = 0
        self._next_look_at = 0.0
        self.full_files: list[Path] = []
        self.special_files: list[Path] = []
        self.nested: list[Path] = []

    async def over(self, process: Watched) -> None:
        """Watch a process until cancelled, or until it exceeds a limit."""
        await asyncio.to_thread(self._begin)
        while True:
            await asyncio.sleep(EVERY_S)
            if problem := await asyncio.to_thread(self._problem, process.pid):
                process.fail(LimitReachedError(problem))
                return

    def end(self) -> None:
        """Find the files that its user should know of; blocking."""
        look = self._look(self._staying, time.monotonic() + _MAX_LAST_LOOK_S)
        self.full_files = look.full_files
        self.special_files = look.special_files
        self.nested = nested_in(look.changed, self._staying)

    def _begin(self) -> None:
        began = time.monotonic()
        self._before_bytes = sum(
            _size_bytes(each) for each in _files(self._folders) if each.st_ctime < self._began_at
        )
        self._rest(began)

    def _problem(self, pid: int | None) -> str:
        """Return a sentence on the exceeded limit, if any."""
        pids, threads = tree(pid or 0)
        if threads > self._limits.processes:
            return (
                f"The run started more than {self._limits.processes:,} processes and was stopped. "
                "The limit is max_processes in the configuration."
            )
        if time.monotonic() < self._next_look_at and not self._is_filling_up():
            return ""
        began = time.monotonic()
        added = (
            self._look(self._folders).size_bytes
            - self._before_bytes
            + deleted_bytes(pids, self._folders)
        )
        self._rest(began)
        if added <= self._limits.disk_mb * MB:
            return ""
        return (
            f"The run added more than {self._limits.disk_mb:,} MB to the disk and was stopped. "
            "The limit is max_disk_mb in the configuration."
        )

    def _look(self, folders: Sequence[Path], deadline: float | None = None) -> Look:
        look, limit_bytes = Look(), self._limits.file_mb * MB
        for path, found in _entries(folders):
            look.size_bytes += _size_bytes(found)
            if found.st_size >= limit_bytes and found.st_mtime >= self._began_at:
                look.full_files.append(path)
            if found.st_ctime >= self._began_at:
                _note_changed(look, path, found.st_mode)
            if deadline is not None and time.monotonic() > deadline:
                break
        return look

    def _rest(self, began: float) -> None:
        now = time.monotonic()
        self._next_look_at = now + _REST * (now - began)
        self._free_bytes = _free_bytes(self._folders)

    def _is_filling_up(self) -> bool:
        lost_bytes = self._free_bytes - _free_bytes(self._folders)
        return lost_bytes > self._limits.disk_mb * MB / 10


def tree(ancestor: int) -> tuple[list[int], int]:
    """Return a process and its descendants, and their number of threads, see proc_pid_stat(5)."""
    children: dict[int, list[int]] = {}
    threads: dict[int, int] = {}
    names: list[str] = []
    with suppress(OSError):  # without /proc, nothing is counted
        names = os.listdir("/proc")  # noqa: PTH208 - this runs once a second
    for name in names:
        if name.isdigit() and (fields := _stat(name)):
            children.setdefault(int(fields[1]), []).append(int(name))
            threads[int(name)] = int(fields[17])
    found, left = [], [ancestor]
    while left:
        pid = left.pop()
        if pid in threads:
            found.append(pid)
        left += children.get(pid, ())
    return found, sum(threads[pid] for pid in found)


def deleted_bytes(pids: Iterable[int], folders: Sequence[Path]) -> int:
    """Return the disk space of deleted files that the processes hold open."""
    devices = {each.stat().st_dev for each in folders if each.exists()}
    held: dict[tuple[int, int], int] = {}
    for pid in pids:
        with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as descriptors:
            for each in descriptors:
                with suppress(OSError):
                    found = each.stat()
                    is_file = stat.S_ISREG(found.st_mode) and not found.st_nlink
                    if is_file and found.st_dev in devices:
                        held[found.st_dev, found.st_ino] = _size_bytes(found)
    return sum(held.values())


def nested_in(changed: Iterable[Path], folders: Sequence[Path]) -> list[Path]:
    """Return what git would take commands from, of what was changed in folders within these."""
    tops = {folder / ".git" for folder in folders}
    return sorted(
        each
        for each in changed
        if not any(map(each.is_relative_to, tops))
        and (each.name == ".git" or _is_git_folder(each.parent))
    )


def _is_git_folder(folder: Path) -> bool:
    folder = folder.parent if folder.name == "hooks" else folder
    return (folder / "HEAD").exists() and (folder / "objects").exists()


def _note_changed(look: Look, path: Path, mode: int) -> None:
    if path.name in _OF_GIT or path.parent.name == "hooks":
        look.changed.append(path)
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        look.special_files.append(path)


def _stat(pid: str) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - this runs once a second
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _size_bytes(found: os.stat_result) -> int:
    # A file with two names takes its space once.
    return found.st_blocks * _BLOCK_BYTES // max(found.st_nlink, 1)


def _files(folders: Iterable[Path]) -> Iterator[os.stat_result]:
    return (found for _, found in _entries(folders))


def _entries(folders: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    left = [str(folder) for folder in folders]
    while left:
        with suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if is_folder:
                        left.append(entry.path)
                    if not is_folder or entry.name == ".git":
                        yield Path(entry.path), entry.stat(follow_symlinks=False)


def _free_bytes(folders: Iterable[Path]) -> int:
    """Return the free space of the fullest file system."""
    free = []
    for folder in folders:
        with suppress(OSError):
            system = os.statvfs(folder)
            free.append(system.f_bavail * system.f_frsize)
    return min(free, default=0)
