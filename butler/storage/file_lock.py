"""A lock between processes: a file that one of them holds at a time."""

import fcntl
import os
from pathlib import Path

from butler.errors import DataError
from butler.storage.files import private_file


class FileLock:
    """A lock between processes; it goes with its holder's process, however that ends.

    Args:
        path: The file, in the data folder; it is created if it is not there, and stays.
        holder: Who would hold it, as in "the daemon (process 4711)"; others read that.
    """

    def __init__(self, path: Path, holder: str) -> None:
        self._path = path
        self._holder = holder
        self._descriptor: int | None = None

    def acquire(self) -> str | None:
        """Take the lock if it is free and return None, else who holds it; does not wait.

        Raises:
            DataError: The file cannot be used.
        """
        try:
            descriptor = os.open(private_file(self._path), os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise DataError(f"{self._path} cannot be written: {error.strerror}.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip()
            os.close(descriptor)
            return holder or "another process"
        self._descriptor = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{self._holder}\n".encode(), 0)
        return None

    def release(self) -> None:
        """Give the lock back; does nothing where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
