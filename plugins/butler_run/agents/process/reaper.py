"""The reaper: a small process between Butler and an agent that ends every process of a run.

Started by path with ``python -I -S``, so it imports little and nothing of Butler::

    reaper.py CONTROL_FD INTERVAL_S IS_BOXED PROGRAM [ARGUMENT...]

The control socket is a stream of lines. From the reaper: ``started PID``, ``unstartable ERRNO``,
``exited STATUS`` (negative: a signal), ``gone``. To the reaper: ``end``, or ``kill`` for SIGKILL
at once. The end of the stream means the end of Butler, even by kill -9: then, and when the program
itself exits, the reaper ends all remaining processes of the run.

With ``1`` for IS_BOXED the program is a sandbox, which would die of the first signal and kill the
agent without a warning. So it gets only SIGKILL; the processes inside get the other signals.

As a child subreaper (Linux, prctl(2)) the reaper becomes the parent of every orphan below it, so a
daemonised grandchild stays in its tree, and "no child left" from wait(2) proves that all are dead.
Elsewhere it knows and ends only the program's process group.
"""

import _socket
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IS_LINUX = sys.platform == "linux"
_POLITE = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_BRISK = (signal.SIGTERM, signal.SIGKILL)
_BRISK_INTERVAL_S = 1.0
_RETRY_S = 0.1
_QUITTING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Reaper:
    """Watches one program until it and all its descendants are dead."""

    def __init__(self, control_fd: int, interval_s: float, *, is_boxed: bool) -> None:
        self._control_fd = control_fd
        self._interval_s = interval_s
        self._is_boxed = is_boxed
        self._group = 0
        self._is_program_over = False
        self._is_childless = False
        self._is_told_to_end = False
        self._is_told_to_kill = False
        self._is_alone = False
        self._wake_fd = _wake_on_signals(self._quit)

    def watch(self, command: list[str]) -> None:
        """Start ``command`` and return when all its processes are dead."""
        self._group = _start(command, self._control_fd)
        _leave_the_program_its_pipes()
        self._tell(f"started {self._group}")
        while not (self._is_told_to_end or self._is_alone or self._is_program_over):
            self._wait(None)
            self._reap()
        if self._is_told_to_kill:
            self._end((), 0)
        elif self._is_told_to_end:
            self._end(_POLITE, self._interval_s)
        else:
            self._end(_BRISK, min(_BRISK_INTERVAL_S, self._interval_s))
        self._tell("gone")
        self._hang_up()

    def _hang_up(self) -> None:
        """Say no more, and wait for Butler to hang up.

        It may be telling something just now: that would fail, and what it has not read be lost.
        """
        if not self._is_alone:
            _socket.socket(fileno=os.dup(self._control_fd)).shutdown(_socket.SHUT_WR)
        while not self._is_alone:
            self._wait(None)

    def _end(self, signals: tuple[signal.Signals, ...], interval_s: float) -> None:
        for number in signals:
            if self._is_gone():
                return
            if self._signal_all(number):
                self._wait_until_gone(interval_s)
        while not self._is_gone():
            self._signal_all(signal.SIGKILL)
            self._wait_until_gone(_RETRY_S)

    def _wait_until_gone(self, interval_s: float) -> None:
        deadline = time.monotonic() + interval_s
        while not self._is_gone() and (left_s := deadline - time.monotonic()) > 0:
            # Without subreapers the end of an orphan raises no SIGCHLD.
            self._wait(min(left_s, _RETRY_S))

    def _is_gone(self) -> bool:
        self._reap()
        if _IS_LINUX:
            return self._is_childless
        return self._is_program_over and not _is_group(self._group)

    def _reap(self) -> None:
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._note(*ended)
        except ChildProcessError:
            self._is_childless = True

    def _note(self, pid: int, status: int) -> None:
        if pid == self._group:
            self._is_program_over = True
            self._tell(f"exited {os.waitstatus_to_exitcode(status)}")

    def _signal_all(self, number: int) -> bool:
        """Send a signal to every process; return whether there was any."""
        groups = _groups_below(os.getpid()) if _IS_LINUX else {self._group}
        if self._is_boxed and number != signal.SIGKILL:
            groups.discard(self._group)
        for group in groups:
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                continue
        return bool(groups)

    def _wait(self, timeout_s: float | None) -> None:
        watched = [self._wake_fd] if self._is_alone else [self._wake_fd, self._control_fd]
        ready, _, _ = select.select(watched, [], [], timeout_s)
        if self._wake_fd in ready:
            os.read(self._wake_fd, 4096)
        if self._control_fd in ready:
            self._listen()

    def _listen(self) -> None:
        try:
            told = os.read(self._control_fd, 4096)
        except OSError:
            told = b""
        self._is_alone = not told
        self._is_told_to_kill = self._is_told_to_kill or b"kill" in told
        self._is_told_to_end = self._is_told_to_end or self._is_told_to_kill or b"end" in told

    def _tell(self, line: str) -> None:
        try:
            os.write(self._control_fd, f"{line}\n".encode())
        except OSError:
            self._is_alone = True

    def _quit(self, *_: object) -> None:
        self._is_alone = True


def _wake_on_signals(quit_handler: "Callable[..., None]") -> int:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in _QUITTING:
        signal.signal(number, quit_handler)
    return reading


def _start(command: list[str], control_fd: int) -> int:
    if _IS_LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    os.set_inheritable(control_fd, False)
    reaper_pid = os.getpid()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:  # pragma: no cover - ends in another program
        _become(command, control_fd, reaper_pid)
    os.close(writing)
    os.read(reading, 1)  # Ends when the program begins: an earlier signal would get lost.
    os.close(reading)
    return pid


def _become(command: list[str], control_fd: int, reaper_pid: int) -> None:  # pragma: no cover
    try:
        os.setsid()
        for number in (*_QUITTING, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        _die_with(reaper_pid)
        os.execvp(command[0], command)  # noqa: S606 - a program with its arguments, no shell
    except OSError as error:
        os.write(control_fd, f"unstartable {error.errno}\n".encode())
    finally:
        os._exit(127)


def _die_with(reaper_pid: int) -> None:  # pragma: no cover - between fork and exec
    if not _IS_LINUX:
        return
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != reaper_pid:
        os._exit(127)


def _prctl(option: int, value: int) -> None:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl failed")


def _leave_the_program_its_pipes() -> None:
    """Close stdin, stdout and stderr, so that only the program holds them."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)


def _is_group(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _groups_below(ancestor: int) -> set[int]:
    """Return the process groups of all descendants, see proc_pid_stat(5)."""
    children: dict[int, list[tuple[int, int]]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is slow to import
        if name.isdigit() and (stat := _stat(name)):
            pid, parent, group = stat
            children.setdefault(parent, []).append((pid, group))
    groups, parents = set(), [ancestor]
    while parents:
        for pid, group in children.get(parents.pop(), ()):
            groups.add(group)
            parents.append(pid)
    return groups - {os.getpgrp()}


def _stat(name: str) -> tuple[int, int, int] | None:
    try:
        with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return int(name), int(fields[1]), int(fields[2])


def main(arguments: list[str]) -> None:
    """Watch the program named by the arguments, see the module."""
    control_fd, interval_s, is_boxed, *command = arguments
    Reaper(int(control_fd), float(interval_s), is_boxed=is_boxed == "1").watch(command)


if __name__ == "__main__":
    main(sys.argv[1:])
