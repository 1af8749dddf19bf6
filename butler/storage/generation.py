"""Tells a data folder from a copy of it that was put back later.

What seems open in a copy may have been done since the copy was made. So nothing in it is repeated.
"""

import hashlib
import json
import logging
from contextlib import suppress
from pathlib import Path

from butler.errors import DataError
from butler.storage.files import private_file, replace_file

logger = logging.getLogger(__name__)

FILE_NAME = "generation.json"
_ORIGINAL = "generation.original"
"""An empty file that is never touched: a copy of it has another number, or another time of change,
which no program can copy."""

_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_RESTORED = "restored"


class Generation:
    """The generation of a data folder, which rises each time that a copy is put back.

    A copy is known by another machine, or by a file that is not the original.

    Attributes:
        number: The generation, as it is written by ``settle``.
        is_restored: Whether the folder is a copy that was put back since the last ``settle``.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._original = folder / _ORIGINAL
        known = _read(self._path)
        self.is_restored = bool(known) and known.get("place") != _place(self._original)
        number = known.get("generation", 0)
        self.number = (number if isinstance(number, int) else 0) + (self.is_restored or not known)

    def settle(self) -> None:
        """Note that nothing of before the copy is open any longer; log a failure."""
        try:
            content = {"generation": self.number, "place": _place(private_file(self._original))}
            replace_file(self._path, json.dumps(content).encode())
        except DataError as error:
            logger.error("the generation of the data cannot be noted: %s", error)


def mark_restored(folder: Path) -> None:
    """Let the data folder count as a copy that was put back.

    Raises:
        DataError: That cannot be written.
    """
    number = _read(folder / FILE_NAME).get("generation", 1)
    content = {"generation": number, "place": _RESTORED}
    replace_file(folder / FILE_NAME, json.dumps(content).encode())


def _read(path: Path) -> dict[str, object]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_bytes())
        return found if isinstance(found, dict) else {}
    return {}


def _place(path: Path) -> str:
    """Return what names this file on this machine; device numbers may differ after a reboot."""
    machine = place = ""
    with suppress(OSError):
        found = path.stat()
        place = f"{found.st_ino} {found.st_ctime_ns}"
    for each in _MACHINE_IDS:
        with suppress(OSError):
            machine = machine or each.read_text(encoding="utf-8").strip()
    # The id itself is to be kept to oneself, see machine-id(5).
    digest = hashlib.sha256(f"butler {machine}".encode()).hexdigest()[:32]
    return f"{digest} {place}"
