"""Watches the free disk space of the gateway and the library.

The library confirms messages even if it cannot store them on a full disk, and they are lost. So the
gateway exits before that happens, and WhatsApp keeps the messages meanwhile.
"""

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from butler.transports.whatsapp.protocol.frames import Ended

LOOK_EVERY_S = 10.0
LEAST_BYTES = 16 * 1024 * 1024
_PROBE = bytes(64 * 1024)
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DiskSpace:
    """The free space of a folder.

    Args:
        folder: The folder of the gateway and the library.
        finish: Ends the gateway.
    """

    def __init__(self, folder: Path, finish: Callable[[Ended], None]) -> None:
        self._folder = folder
        self._finish = finish
        self._doubt = asyncio.Event()

    def doubt(self) -> None:
        """Check now, after an error."""
        self._doubt.set()

    async def watch(self) -> None:
        """Check periodically, until space is low."""
        loop = asyncio.get_running_loop()
        while (ended := await asyncio.to_thread(lack, self._folder)) is None:
            timer = loop.call_later(LOOK_EVERY_S, self._doubt.set)
            await self._doubt.wait()
            timer.cancel()
            self._doubt.clear()
        self._finish(ended)


def lack(folder: Path) -> Ended | None:
    """Return the exit reason if the disk is nearly full, else None."""
    try:
        free = shutil.disk_usage(folder).free
        if free < LEAST_BYTES:
            return _full(folder, f"{free / 1_000_000:.0f} MB are free")
        # A quota or a limit may end the room before the disk does.
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_PROBE)
    except OSError as error:
        # Other errors are reported by the code that writes to the folder.
        return _full(folder, os.strerror(error.errno)) if error.errno in _NO_ROOM else None
    return None


def _full(folder: Path, detail: str) -> Ended:
    least = f"{LEAST_BYTES / 1_000_000:.0f} MB"
    return Ended(
        "full",
        f"The disk of {folder} is full ({detail}). Once at least {least} are free, "
        "Butler continues; until then WhatsApp keeps new messages.",
    )
