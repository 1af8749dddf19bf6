"""Started marks: records of turns in progress that survive a killed daemon."""

import hashlib
import logging
import os
import struct
from pathlib import Path
from typing import NamedTuple

from butler.errors import DataError
from butler.storage.files import private_file

logger = logging.getLogger(__name__)

FILE_NAME = "begun"
SLOTS = 1_024
"""Number of slots, preallocated so that a full disk does not matter."""

_MOST_BYTES = 1024 * 1024
_MARK = struct.Struct(">Q7s?")
_NONE = bytes(_MARK.size)


class Mark(NamedTuple):
    """The mark of a turn; ``is_told`` says whether to notify its chat of an interruption."""

    digest: bytes
    is_told: bool


class StartedMarks:
    """A mark for each turn in progress, in a slot that is freed after the turn.

    A mark is one small write without fsync: it survives a killed process, not a loss of power.
    Unlike a frame, it does not depend on the state of the gateway.

    Args:
        path: The file; created if missing. Used by one process at a time.

    Raises:
        DataError: It cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._slots: dict[int, int] = {}
        self._earlier: dict[int, Mark] = {}
        self._is_failing = False
        try:
            self._file = os.open(private_file(path), os.O_RDWR | os.O_CLOEXEC)
            content = os.pread(self._file, _MOST_BYTES, 0)
            if len(content) < SLOTS * _MARK.size:
                content = content.ljust(SLOTS * _MARK.size, b"\0")
                os.pwrite(self._file, content, 0)
        except OSError as error:
            raise DataError(f"{path} cannot be used: {error.strerror}.") from None
        self._free = self._load(content)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def add(self, row: int, message_id: str, *, is_told: bool) -> None:
        """Mark the turn of a message as started."""
        slot = self._slots.get(row)
        if slot is None:
            slot = self._slots[row] = self._free.pop() if self._free else len(self._slots)
        self._write(slot, _MARK.pack(row, _digest(message_id), is_told))

    def remove(self, *rows: int) -> None:
        """Clear the marks of turns that have ended."""
        for row in rows:
            slot = self._slots.pop(row, None)
            if slot is not None:
                self._write(slot, _NONE)
                self._free.append(slot)

    def earlier(self, row: int, message_id: str) -> Mark | None:
        """Return the mark that an earlier daemon left on an unfinished turn.

        Call it in the order of rows: marks on lower rows are dropped.
        """
        if not self._earlier:
            return None
        for each in [each for each in self._earlier if each < row]:
            del self._earlier[each]
            self.remove(each)
        mark = self._earlier.pop(row, None)
        if mark is not None and mark.digest != _digest(message_id):
            # From another journal, whose rows were numbered from the start.
            self.remove(row)
            return None
        return mark

    def _load(self, content: bytes) -> list[int]:
        """Load the existing marks; return the free slots, the lowest last."""
        free = []
        whole = len(content) - len(content) % _MARK.size
        for slot, (row, digest, is_told) in enumerate(_MARK.iter_unpack(content[:whole])):
            if row in self._slots or row == 0:
                free.append(slot)
            else:
                self._slots[row] = slot
                self._earlier[row] = Mark(digest, is_told)
        return free[::-1]

    def _write(self, slot: int, mark: bytes) -> None:
        try:
            os.pwrite(self._file, mark, slot * _MARK.size)
        except OSError as error:
            if not self._is_failing:
                self._is_failing = True
                logger.error("cannot mark turns as started: %s", error)


def _digest(message_id: str) -> bytes:
    return hashlib.blake2b(message_id.encode(errors="replace"), digest_size=7).digest()
