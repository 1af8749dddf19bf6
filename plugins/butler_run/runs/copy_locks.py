"""Locks of working copies, as several Butlers may share a data folder."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from butler import FileLock, UserError

FOLDER_NAME = "working-copies"
LOOK_AGAIN_S = 0.5
"""How long a working copy may stay unused once another process has left it."""


class CopyLocks:
    """Lets one process at a time work in a working copy.

    Args:
        folder: Where the lock files are, the same for all processes.
        process: This one, as the others name it.
    """

    def __init__(self, folder: Path, process: str) -> None:
        self._folder = folder
        self._process = process
        folder.mkdir(mode=0o700, exist_ok=True)

    def holder(self, copy: Path) -> str | None:
        """Return which process works in a working copy that this one does not use; None if none."""
        lock = self._lock(copy)
        holder = lock.acquire()
        lock.release()
        return holder

    @asynccontextmanager
    async def held(
        self,
        copy: Path,
        may_try: Callable[[], bool],
        meanwhile: AbstractAsyncContextManager[None],
    ) -> AsyncIterator[None]:
        """Wait until no other process works in a working copy, and keep others out meanwhile.

        Args:
            copy: The working copy.
            may_try: Returns whether it is this process's turn, as far as others wait too.
            meanwhile: Entered only if there is a wait.
        """
        lock = self._lock(copy)
        try:
            if not _is_taken(lock, may_try):
                async with meanwhile:
                    while not _is_taken(lock, may_try):  # noqa: ASYNC110
                        await asyncio.sleep(LOOK_AGAIN_S)  # what others do is no event here
            yield
        finally:
            lock.release()

    @contextmanager
    def held_at_once(self, copy: Path) -> Iterator[None]:
        """Keep other processes out of a working copy while the block runs.

        Raises:
            UserError: One is at work there; the text names it.
        """
        lock = self._lock(copy)
        holder = lock.acquire()
        if holder is not None:
            named = f"{holder[0].upper()}{holder[1:]}"
            raise UserError(f"{named} is at work there. Wait for its end.")
        try:
            yield
        finally:
            lock.release()

    def _lock(self, copy: Path) -> FileLock:
        name = hashlib.sha256(bytes(copy)).hexdigest()[:32]
        return FileLock(self._folder / name, self._process)


def _is_taken(lock: FileLock, may_try: Callable[[], bool]) -> bool:
    return may_try() and lock.acquire() is None
