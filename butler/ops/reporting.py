"""The status file, by which a daemon lets other processes see how it is."""

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from butler.errors import DataError
from butler.logs import Complaint
from butler.ops.clock import ClockComplaint
from butler.storage.files import replace_file
from butler.transports.whatsapp import LinkState

logger = logging.getLogger(__name__)

REPORT_EVERY_S = 1.0
_FILE = "status.json"


@dataclass(frozen=True, slots=True)
class Inside:
    """What only the daemon knows of itself.

    Attributes:
        waiting_records: How many records cannot be written for now.
        lost_files: Files that vanished while it ran.
    """

    waiting_records: int = 0
    lost_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a daemon says of itself in its status file; times in Unix seconds."""

    process: int
    started: float
    link: str
    since: float
    reason: str
    retry_at: float | None = None
    waiting_records: int = 0
    lost_files: Sequence[str] = ()
    set_aside: Sequence[str] = ()
    undecryptable: int = 0
    is_deaf: bool = False
    clock_ahead_s: float | None = None
    acknowledged_in_s: float | None = None


@asynccontextmanager
async def reporting(
    folder: Path,
    state: Callable[[], LinkState],
    on_connected: Callable[[], None] = lambda: None,
    inside: Callable[[], Inside] = Inside,
) -> AsyncIterator[None]:
    """Keep a status file on the link in the data folder while the block runs.

    Args:
        folder: The data folder.
        state: Returns the state of the link.
        on_connected: Called when it is connected for the first time.
        inside: Returns what else the daemon knows of itself.
    """
    file = _StatusFile(folder / _FILE)

    async def report_forever() -> None:
        written, was_connected, clock = None, False, ClockComplaint()
        while True:
            now, known = state(), inside()
            if now.name == "connected" and not was_connected:
                was_connected = True
                on_connected()
            if (now, known) != written:
                written = (now, known) if file.is_written(now, known) else None
                clock.look(now.health.clock_ahead_s)
            await asyncio.sleep(REPORT_EVERY_S)

    reporter = asyncio.create_task(report_forever(), name="status")
    try:
        yield
    finally:
        reporter.cancel()
        await asyncio.wait([reporter])
        file.is_written(state(), inside())


class _StatusFile:
    """The file of a daemon that has just started."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started = time.time()
        self._complaint = Complaint(logger)

    def is_written(self, now: LinkState, known: Inside) -> bool:
        """Write the file; return whether that worked."""
        try:
            replace_file(self._path, json.dumps(asdict(self._report(now, known))).encode())
        except DataError as error:
            self._complaint.begin("cannot update the status: %s", error)
            return False
        self._complaint.end("the status is updated again")
        return True

    def _report(self, now: LinkState, known: Inside) -> Report:
        return Report(
            *(os.getpid(), self._started, now.name, now.since, now.reason, now.retry_at),
            *(known.waiting_records, known.lost_files),
            set_aside=now.health.set_aside,
            undecryptable=now.health.undecryptable,
            is_deaf=now.health.is_deaf,
            clock_ahead_s=now.health.clock_ahead_s,
            acknowledged_in_s=now.health.acknowledged_in_s,
        )


def forget(folder: Path) -> None:
    """Delete the status of an earlier daemon's link, as the account was linked again."""
    (folder / _FILE).unlink(missing_ok=True)


def read_report(folder: Path) -> Report | None:
    """Return the status file in a data folder; None if there is none that can be read."""
    try:
        return Report(**json.loads((folder / _FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
