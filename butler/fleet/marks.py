"""The marks of a worker: which turns it has begun, on its own disk.

At most once stays here, whatever Redis forgets or repeats: a file is only ever added to, and a turn
is marked before its handler starts.
"""

import logging
import os
import struct
import time
from enum import IntEnum
from pathlib import Path

from butler.errors import DataError
from butler.storage.files import private_file

logger = logging.getLogger(__name__)

FILE_NAME = "turns"
KEEP_S = 7 * 24 * 3600.0
ID_BYTES = 16

_MARK = struct.Struct(f">{ID_BYTES}sBI")


class State(IntEnum):
    """What is known of a turn."""

    BEGUN = 1
    TAKEN_OVER = 2
    """Begun, and its plugin notifies the chat if it is cut off."""
    OVER = 3


class Marks:
    """The turns of the last seven days, and of up to seven more.

    A mark is one small write without fsync: it survives a killed process, not a loss of power.
    After seven days a file is set aside for the next one, and deleted when that is set aside.

    Args:
        path: The file; created if missing. Used by one process at a time.

    Raises:
        DataError: It cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._earlier, _since = _loaded(self._set_aside)
            self._states, self._since = _loaded(path)
            self._file = _opened(path)
        except OSError as error:
            raise DataError(f"{path} cannot be used: {error.strerror}.") from None

    def __len__(self) -> int:
        return len(self._states) + len(self._earlier)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def state(self, turn: str) -> State | None:
        """Return what is known of a turn; None if it has not begun."""
        key = bytes.fromhex(turn)
        return self._states.get(key) or self._earlier.get(key)

    def add(self, turn: str, state: State) -> None:
        """Mark a turn.

        Raises:
            DataError: The mark could not be written, so the turn must not begin.
        """
        key, now = bytes.fromhex(turn), time.time()
        mark = _MARK.pack(key, state, int(now))
        try:
            if now - self._since > KEEP_S:
                self._begin_another(now)
            written = os.write(self._file, mark)
        except OSError as error:
            raise DataError(f"A turn cannot be marked as begun: {error.strerror}.") from None
        if written != len(mark):
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise DataError("A turn cannot be marked as begun: the disk is full.")
        self._states[key] = state

    @property
    def _set_aside(self) -> Path:
        return self._path.with_name(f"{self._path.name}.earlier")

    def _begin_another(self, now: float) -> None:
        """Set the file aside, in place of the one before it."""
        if self._states:
            self._path.replace(self._set_aside)
            old, self._file = self._file, _opened(self._path)
            os.close(old)
            self._earlier, self._states = self._states, {}
        self._since = now


def _opened(path: Path) -> int:
    file = os.open(private_file(path), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    size = os.fstat(file).st_size
    if size % _MARK.size:  # half a mark, from a loss of power
        os.ftruncate(file, size - size % _MARK.size)
    return file


def _loaded(path: Path) -> tuple[dict[bytes, State], float]:
    """Return the marks that are not too old, and since when there are any in the file."""
    content = path.read_bytes() if path.exists() else b""
    whole = len(content) - len(content) % _MARK.size
    marks = list(_MARK.iter_unpack(content[:whole]))
    now = time.time()
    states = {key: State(state) for key, state, at in marks if now - at < 2 * KEEP_S}
    return states, float(marks[0][2]) if marks else now
