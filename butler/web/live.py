"""What is going on, kept up to date for all viewers at once."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from butler.config.schema import Config
from butler.core.overview import NOTHING, Overview, RunSummary
from butler.errors import ButlerError
from butler.ops.report import Status, status_of
from butler.records.model import Done, Ignored
from butler.records.reading import Filter, RecordsReader
from butler.transports.whatsapp import stored_names
from butler.web.changing import Changing
from butler.web.source import Source

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
MOST_LOOKING = 0.05
"""The most of a processor for looking: the journal's figures take longer the more it holds."""

AGAIN_AFTER_S = 1.0
LATEST = 12
RECENT_RUNS = 20


class Event(NamedTuple):
    """A message that was handled or not; ``said`` is what came of it."""

    time: float
    chat_id: str
    sender: str
    said: str
    is_ignored: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is going on; times in Unix seconds.

    Attributes:
        status: The daemon and its link, as on disk.
        is_watched: Whether the daemon is heard.
        overview: What is in progress.
        recent: The latest runs, newest first.
        events: The latest messages, newest first.
        names: The names of chats by id.
        heard_at: When the daemon was last heard.
        problem: Why something of this is missing.
    """

    status: Status | None = None
    is_watched: bool = False
    overview: Overview = NOTHING
    recent: Sequence[RunSummary] = ()
    events: Sequence[Event] = ()
    names: dict[str, str] = field(default_factory=dict)
    heard_at: float | None = None
    problem: str = ""


class Live(Changing):
    """The present snapshot, for any number of viewers."""

    def __init__(self, config: Config, source: Source) -> None:
        super().__init__()
        self._config = config
        self._source = source
        self._records = RecordsReader(config.data_dir / "records.sqlite3")
        self._ended: frozenset[int] | None = None
        self._look_took_s = 0.0
        self.snapshot = Snapshot()

    @asynccontextmanager
    async def kept_up_to_date(self) -> AsyncIterator[None]:
        """Watch the daemon and the files while the block runs."""
        await self._look()
        tasks = [
            asyncio.create_task(self._watch_forever(), name="watch"),
            asyncio.create_task(self._look_forever(), name="look"),
        ]
        try:
            yield
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def nudge(self) -> None:
        """Look again now, as something was done."""
        await self._look()

    async def _watch_forever(self) -> None:
        while True:
            try:
                async for overview in self._source.watched():
                    await self._show(
                        is_watched=True, overview=overview, heard_at=time.time(), problem=""
                    )
                    await self._note_ends(overview)
            except ButlerError as error:
                await self._show(problem=str(error))
            if self.snapshot.is_watched:
                await self._show(is_watched=False, overview=NOTHING)
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _note_ends(self, overview: Overview) -> None:
        """Read the list of runs again where one has begun or ended, and while nothing changes.

        The latter finds runs that were over before anybody looked.
        """
        at_work = frozenset(each.summary.number for each in overview.runs)
        if at_work != self._ended or not at_work:
            self._ended = at_work
            await self._read_runs()

    async def _read_runs(self) -> None:
        try:
            await self._show(recent=await self._source.runs(RECENT_RUNS))
        except ButlerError as error:
            await self._show(problem=str(error))

    async def _look_forever(self) -> None:
        has_news = True
        while True:
            if has_news:
                await self._read_runs()  # one may have ended
            await asyncio.sleep(max(LOOK_EVERY_S, self._look_took_s / MOST_LOOKING))
            has_news = await self._look()

    async def _look(self) -> bool:
        """Look at the files; return whether messages came since the last look."""
        events = self.snapshot.events
        try:
            await self._show(**await asyncio.to_thread(self._looked))
        except ButlerError as error:
            await self._show(problem=str(error))
        return self.snapshot.events != events

    def _looked(self) -> dict[str, object]:
        began_at = time.thread_time()
        try:
            return self._found()
        finally:
            self._look_took_s = time.thread_time() - began_at

    def _found(self) -> dict[str, object]:
        everything = Filter()
        done = self._records.audit(everything, LATEST)
        ignored = self._records.ignored(everything, LATEST)
        events = sorted([*map(_of_done, done), *map(_of_ignored, ignored)], reverse=True)
        return {
            "status": status_of(self._config, by_writing=False),
            "events": events[:LATEST],
            "names": stored_names(self._config.data_dir / "whatsapp"),
        }

    async def _show(self, **changes: object) -> None:
        snapshot = replace(self.snapshot, **changes)  # type: ignore[arg-type]  # of these fields
        if snapshot != self.snapshot:
            self.snapshot = snapshot
            await self.changed()


def _of_done(entry: Done) -> Event:
    what = " ".join(filter(None, [entry.command, entry.repo]))
    detail = f" ({entry.detail})" if entry.detail else ""
    return Event(entry.time, entry.chat_id, entry.sender, f"{what}: {entry.result}{detail}", False)


def _of_ignored(entry: Ignored) -> Event:
    said = f"{entry.rule}: {entry.detail}"
    return Event(entry.time, entry.chat_id, entry.sender, said, True)
