"""The files in the data folder: whether they are damaged, and whether they are still there."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from butler.core.check_result import Finding
from butler.ops.descendants import Zombies
from butler.storage.files import file_id
from butler.storage.integrity import inspected

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 20.0
LEAST_FREE_BYTES = 200_000_000

_RECORDS = "records.sqlite3"
_OTHERS = ("daemon.lock", "grants.key", "pins.key", "standing-grants.key", "whatsapp/begun")
_COSTS = {
    "sessions.sqlite3": "the active repos of all chats",
    _RECORDS: "the audit so far",
    "grants.sqlite3": "who was allowed or denied from a chat",
    "standing-grants.sqlite3": "what agents may always do",
    "runs.sqlite3": "the history of runs",
    "journal.sqlite3": "the messages in it that are not answered yet",
    "credentials.sqlite3": "the link; butler pair makes a new one",
}


def file_findings(folder: Path) -> Iterator[Finding]:
    """Look for damage in every database below the data folder, and at the room on its disk."""
    paths = _databases(folder)
    verdicts = {path: inspected(path) for path in paths}
    sound = [path for path, verdict in verdicts.items() if not verdict.problem]
    partly = [path.name for path in sound if not verdicts[path].is_complete]
    said = f"{len(sound):,} sound" + (f" as far as looked at: {', '.join(partly)}" * bool(partly))
    yield Finding(True, "databases", said)
    for path, verdict in verdicts.items():
        if verdict.problem:
            yield Finding(False, "databases", f"{path}: {verdict.problem}; {_way_out(path)}")
    yield _room(folder)


def _way_out(path: Path) -> str:
    costs = _COSTS.get(path.name)
    return (
        "end Butler, then put back a copy of the file, or move it aside"
        f"{f', which costs {costs}' if costs else ''}"
    )


def room(folder: Path) -> int | None:
    """Return how many bytes are free where the folder is; None if nobody can tell."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _room(folder: Path) -> Finding:
    free = room(folder)
    if free is None:
        return Finding(False, "disk", f"{folder} cannot be looked at")
    said = f"{free / 1_000_000:,.0f} MB free"
    if free < LEAST_FREE_BYTES:
        return Finding(False, "disk", f"{said}; free some space where {folder} is")
    return Finding(True, "disk", said)


def _databases(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.sqlite3"), *folder.glob("whatsapp/*.sqlite3")])


class DataFiles:
    """The files of a running daemon; whoever deletes one is told.

    Attributes:
        lost: Those that vanished or were replaced since the start, and are not back; of a folder
            that vanished only the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ids: dict[Path, tuple[int, int]] = {}
        self.lost: list[str] = []

    def look(self) -> None:
        """Compare the files with what they were, and log what has become of them; blocks."""
        gone = {path.parent for path in self._ids if not path.parent.is_dir()}
        folders = sorted(folder for folder in gone if folder.parent not in gone)
        files = [
            path
            for path, known in self._ids.items()
            if path.parent not in gone and file_id(path) != known
        ]
        for path in (*folders, *files):
            if str(path) not in self.lost:
                logger.error("%s", _said(path, "file" if path in self._ids else "folder"))
        self.lost = [str(path) for path in (*folders, *files)]
        others = (self._folder / each for each in _OTHERS)
        for path in (*_databases(self._folder), *others):
            # The records see to it themselves.
            if path.name != _RECORDS and path not in self._ids and (found := file_id(path)):
                self._ids[path] = found


def _said(path: Path, kind: str) -> str:
    happened = "was replaced" if path.exists() else "has vanished"
    costs = _COSTS.get(path.name)
    return (
        f"{path} {happened} while Butler runs, so what it writes there is lost"
        f"{f': {costs}' if costs else ''}. Put the {kind} back if you can, then restart Butler."
    )


@asynccontextmanager
async def watching(files: DataFiles) -> AsyncIterator[None]:
    """Look at the files every 20 seconds while the block runs, and reap adopted processes."""
    zombies = Zombies()

    async def watch() -> None:
        while True:
            await asyncio.to_thread(files.look)
            await asyncio.to_thread(zombies.reap)
            await asyncio.sleep(LOOK_EVERY_S)

    watcher = asyncio.create_task(watch(), name="data files")
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
