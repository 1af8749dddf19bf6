"""The marks of a worker: which turns it has begun, on its own disk.

At most once stays here, whatever Redis forgets or repeats: the file is only ever added to, and a
turn is marked before its handler starts.
"""

import logging
import os
import struct
import time
from enum import IntEnum
from pathlib import Path

from butler.errors import DataError
from butler.storage.files import private_file, replace_file

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
    """The turns of the last seven days.

    A mark is one small write without fsync: it survives a killed process, not a loss of power.

    Args:
        path: The file; created if missing. Used by one process at a time.

    Raises:
        DataError: It cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._states: dict[bytes, State] = {}
        try:
            kept = self._load(path.read_bytes() if path.exists() else b"")
            replace_file(path, kept)
            self._file = os.open(private_file(path), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise DataError(f"{path} cannot be used: {error.strerror}.") from None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def state(self, turn: str) -> State | None:
        """Return what is known of a turn; None if it has not begun."""
        return self._states.get(bytes.fromhex(turn))

    def add(self, turn: str, state: State) -> None:
        """Mark a turn.

        Raises:
            DataError: The mark could not be written, so the turn must not begin.
        """
        key = bytes.fromhex(turn)
        mark = _MARK.pack(key, state, int(time.time()))
        try:
            written = os.write(self._file, mark)
        except OSError as error:
            raise DataError(f"A turn cannot be marked as begun: {error.strerror}.") from None
        if written != len(mark):
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise DataError("A turn cannot be marked as begun: the disk is full.")
        self._states[key] = state

    def _load(self, content: bytes) -> bytes:
        """Load the marks; return those that are not too old, one a turn."""
        whole = len(content) - len(content) % _MARK.size
        oldest, latest = time.time() - KEEP_S, {}
        for key, state, at in _MARK.iter_unpack(content[:whole]):
            if at > oldest:
                latest[key] = (State(state), at)
        self._states = {key: state for key, (state, _at) in latest.items()}
        return b"".join(_MARK.pack(key, state, at) for key, (state, at) in latest.items())
