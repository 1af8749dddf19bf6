"""Files that stand where an agent could otherwise make one of its own.

Removing a mount point lifts the mount in every sandbox that has it. So each sandbox holds a shared
lock on the file, and only the last one removes it.
"""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from butler_run.sandbox.probe import SandboxError

_ATTEMPTS = 40
_PAUSE_S = 0.05


@contextmanager
def placeholder(path: Path, text: str) -> Iterator[None]:
    """Let ``path`` hold ``text`` in the block, unless something else is there; blocking.

    A file that an earlier sandbox left behind is taken over.

    Raises:
        SandboxError: Another program keeps it locked.
    """
    descriptor = _held(path, text)
    try:
        yield
    finally:
        if descriptor is not None:
            _let_go(path, descriptor)


def _held(path: Path, text: str) -> int | None:
    """Return a locked descriptor of the file; None if what is there is not a placeholder."""
    for _ in range(_ATTEMPTS):
        _make(path, text)
        descriptor = _opened(path)
        if descriptor is None:
            return None
        if not _holds(descriptor, text):
            os.close(descriptor)
            return None
        if _is_locked(descriptor, fcntl.LOCK_SH) and _is_at(path, descriptor):
            return descriptor
        os.close(descriptor)
        time.sleep(_PAUSE_S)
    raise SandboxError(f"{path} is locked by another program. Try again once that has ended.")


def _make(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with suppress(FileExistsError):
        descriptor = os.open(path, flags, 0o644)
        os.write(descriptor, text.encode())
        os.close(descriptor)


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None


def _holds(descriptor: int, text: str) -> bool:
    """Return whether a file holds a text, or nothing yet."""
    is_plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
    return is_plain and os.pread(descriptor, len(text) + 1, 0) in {text.encode(), b""}


def _let_go(path: Path, descriptor: int) -> None:
    if _is_locked(descriptor, fcntl.LOCK_EX) and _is_at(path, descriptor):
        with suppress(OSError):
            path.unlink()
    os.close(descriptor)


def _is_locked(descriptor: int, kind: int) -> bool:
    """Lock a file without waiting; return whether that succeeded."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except OSError:
        return False
