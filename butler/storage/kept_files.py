"""A folder of files that are kept for a while, within a limit of size."""

import logging
from math import inf
from pathlib import Path

from butler.storage.pruning import Pruning

logger = logging.getLogger(__name__)

MOST_BYTES = 2_000_000_000
"""More than that is not kept, however young it is."""


class KeptFiles:
    """The files of a folder, the time of each being that of its last use.

    Args:
        folder: The folder; it need not be there.
        keep_s: How long they are kept; None for no limit of time.
        most_bytes: Maximum size of all together.
    """

    def __init__(self, folder: Path, keep_s: float | None, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._pruning = Pruning(inf if keep_s is None else keep_s)
        self._most_bytes = most_bytes

    def prune(self) -> None:
        """Delete what is too old, and the oldest of what is too much; blocks."""
        try:
            self._prune(sorted(self._files()))
        except OSError as error:
            logger.warning("files in %s stay for now: %s", self._folder, error)

    def _prune(self, found: list[tuple[float, int, Path]]) -> None:
        until = self._pruning.until(found[0][0] if found else None)
        excess = sum(size for _time, size, _path in found) - self._most_bytes
        for used_at, size, path in found:
            if excess > 0 or (until is not None and used_at < until):
                path.unlink(missing_ok=True)
                excess -= size

    def _files(self) -> list[tuple[float, int, Path]]:
        if not self._folder.is_dir():
            return []
        stats = ((path, path.lstat()) for path in self._folder.iterdir() if path.is_file())
        return [(stat.st_mtime, stat.st_size, path) for path, stat in stats]
