"""Whether a folder can be written to: its disk has room, works, and may be used."""

import errno
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LEAST_BYTES: Final = 16 * 1024 * 1024
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where a disk, a quota or a limit leaves no room."""

_PROBE: Final = bytes(64 * 1024)


@dataclass(frozen=True, slots=True)
class DiskTrouble:
    """Why a folder cannot be written to.

    Attributes:
        reason: A fragment such as ``read-only file system``.
        is_full: Whether it is for lack of room.
    """

    reason: str
    is_full: bool = False


def disk_trouble(folder: Path, *, by_writing: bool = True) -> DiskTrouble | None:
    """Return why the folder cannot be written to, or soon no longer; None if it can.

    Args:
        folder: The folder.
        by_writing: Also try it, with a file that nobody else sees.
    """
    try:
        found = os.statvfs(folder)
        if found.f_flag & os.ST_RDONLY:
            return DiskTrouble(_said(errno.EROFS))
        if (free := found.f_bavail * found.f_frsize) < LEAST_BYTES:
            return DiskTrouble(f"{free / 1_000_000:.0f} MB are free", is_full=True)
        if by_writing:
            # A quota or a limit may end the room before the disk does.
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(_PROBE)
    except OSError as error:
        return DiskTrouble(_said(error.errno or errno.EIO), error.errno in NO_ROOM)
    return None


def _said(error: int) -> str:
    return os.strerror(error).lower()
