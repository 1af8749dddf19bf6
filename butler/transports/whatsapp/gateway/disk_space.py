"""Watches whether the gateway and the library can write to their folder.

The library confirms messages even if it cannot store them, as on a full or read-only disk, and they
are lost. So the gateway exits before that happens, and WhatsApp keeps the messages meanwhile.
"""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

from butler.errors import DataError, LastingError
from butler.storage.disk import LEAST_BYTES, DiskTrouble, disk_trouble
from butler.storage.integrity import inspected
from butler.transports.whatsapp.account import CREDENTIALS
from butler.transports.whatsapp.protocol.frames import Ended

LOOK_EVERY_S = 1.0
WRITE_EVERY = 10
"""Number of looks between attempts to write to the disk."""


class DiskSpace:
    """The folder of the gateway and the library.

    Args:
        folder: The folder.
        finish: Ends the gateway.
    """

    def __init__(self, folder: Path, finish: Callable[[Ended], None]) -> None:
        self._folder = folder
        self._finish = finish

    async def watch(self) -> None:
        """Check every second, until the folder cannot be written to."""
        ended: Ended | None = None
        looks = itertools.count()
        while ended is None:
            by_writing = next(looks) % WRITE_EVERY == 0
            ended = await asyncio.to_thread(lack, self._folder, by_writing=by_writing)
            await asyncio.sleep(LOOK_EVERY_S if ended is None else 0)
        self._finish(ended)


def lack(folder: Path, *, by_writing: bool = True) -> Ended | None:
    """Return the exit reason if the folder cannot be written to, else None."""
    trouble = disk_trouble(folder, by_writing=by_writing)
    return None if trouble is None else _ended(folder, trouble)


def _ended(folder: Path, trouble: DiskTrouble) -> Ended:
    if not folder.exists():
        # It is not made again: it may be on a disk that is not mounted for now.
        return Ended(
            "vanished",
            f"The folder {folder} has vanished. Once you have put it back, Butler continues; until "
            "then WhatsApp keeps new messages.",
        )
    if not trouble.is_full:
        return unwritable(f"The folder {folder} cannot be written to ({trouble.reason})")
    least = f"{LEAST_BYTES / 1_000_000:.0f} MB"
    return Ended(
        "full",
        f"The disk of {folder} is full ({trouble.reason}). Once at least {least} are free, "
        "Butler continues; until then WhatsApp keeps new messages.",
    )


def unwritable(problem: str) -> Ended:
    """Return the exit reason for what cannot be written; ``problem`` lacks only its full stop."""
    return Ended(
        "unwritable",
        f"{problem}. Once it can be, Butler continues; until then WhatsApp keeps new messages.",
    )


def unusable(error: DataError) -> Ended:
    """Return the exit reason for data that cannot be used: for good, or for now."""
    return Ended("unusable", str(error), is_final=isinstance(error, LastingError))


def damage(folder: Path) -> Ended | None:
    """Return the exit reason if the credentials are damaged; only before the library opens them."""
    path = folder / CREDENTIALS
    if not path.exists() or not (problem := inspected(path).problem):
        return None
    return Ended(
        "damaged",
        f"The WhatsApp credentials in {path} are damaged ({problem}). "
        "Link the account again: butler unlink, then butler pair",
        is_final=True,
    )
