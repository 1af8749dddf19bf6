"""Whether the disk has room for what the gateway and the library write.

The library confirms a message that it cannot store for lack of room, and the message is lost. So a
gateway ends before that happens: what comes while there is none is kept by WhatsApp.
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
    """The room in a folder.

    Args:
        folder: Where the gateway and the library write.
        finish: Ends the gateway.
    """

    def __init__(self, folder: Path, finish: Callable[[Ended], None]) -> None:
        self._folder = folder
        self._finish = finish
        self._doubt = asyncio.Event()

    def doubt(self) -> None:
        """Look now, as something went wrong."""
        self._doubt.set()

    async def watch(self) -> None:
        """Look from time to time, until there is too little."""
        loop = asyncio.get_running_loop()
        while (ended := await asyncio.to_thread(lack, self._folder)) is None:
            timer = loop.call_later(LOOK_EVERY_S, self._doubt.set)
            await self._doubt.wait()
            timer.cancel()
            self._doubt.clear()
        self._finish(ended)


def lack(folder: Path) -> Ended | None:
    """Return the end of a gateway that has no room to write; None if there is enough."""
    try:
        free = shutil.disk_usage(folder).free
        if free < LEAST_BYTES:
            return _full(folder, f"{free / 1_000_000:.0f} MB are free")
        # A quota or a limit may end the room before the disk does.
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_PROBE)
    except OSError as error:
        # What else is wrong with the folder is said by whoever needs it.
        return _full(folder, os.strerror(error.errno)) if error.errno in _NO_ROOM else None
    return None


def _full(folder: Path, detail: str) -> Ended:
    least = f"{LEAST_BYTES / 1_000_000:.0f} MB"
    return Ended(
        "full",
        f"There is no room to work in {folder} ({detail}). Once at least {least} are free, "
        "Butler goes on; until then WhatsApp keeps what is written.",
    )
