"""The turns that were begun, in a file that outlives a daemon that is killed."""

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
"""The file has room for so many from the start, so that a full disk does not matter."""

_MOST_BYTES = 1024 * 1024
_MARK = struct.Struct(">Q7s?")
_NONE = bytes(_MARK.size)


class Mark(NamedTuple):
    """What was noted of a turn; ``is_told`` says whether its chat is to hear of a sudden end."""

    digest: bytes
    is_told: bool


class StartedMarks:
    """A mark for each turn under way, in a slot of its own that is free again after the turn.

    A mark is one small write that is not synced: it outlives a killed process, not a loss of power.
    Unlike a frame to the gateway it is there whatever state the gateway is in.

    Args:
        path: The file; made if it is not there. One process at a time uses it.

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
        """Give the file back."""
        os.close(self._file)

    def add(self, row: int, message_id: str, *, is_told: bool) -> None:
        """Note that the turn of a message is about to begin."""
        slot = self._slots.get(row)
        if slot is None:
            slot = self._slots[row] = self._free.pop() if self._free else len(self._slots)
        self._write(slot, _MARK.pack(row, _digest(message_id), is_told))

    def remove(self, *rows: int) -> None:
        """Note that turns are over."""
        for row in rows:
            slot = self._slots.pop(row, None)
            if slot is not None:
                self._write(slot, _NONE)
                self._free.append(slot)

    def earlier(self, row: int, message_id: str) -> Mark | None:
        """Return the mark that an earlier daemon left on a turn that is not over.

        To be asked in the order of rows: what was left on lower ones is forgotten.
        """
        if not self._earlier:
            return None
        for each in [each for each in self._earlier if each < row]:
            del self._earlier[each]
            self.remove(each)
        mark = self._earlier.pop(row, None)
        if mark is not None and mark.digest != _digest(message_id):
            # Of another journal, whose rows were counted anew.
            self.remove(row)
            return None
        return mark

    def _load(self, content: bytes) -> list[int]:
        """Take over the marks that are there; return the free slots, the lowest last."""
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
                logger.error("turns cannot be marked as begun: %s", error)


def _digest(message_id: str) -> bytes:
    return hashlib.blake2b(message_id.encode(errors="replace"), digest_size=7).digest()
