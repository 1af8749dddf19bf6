"""Tells the owner on another way than WhatsApp what is wrong, once, and once that it is over."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from butler.chat.text import duration
from butler.config.schema import Config
from butler.errors import DataError
from butler.ops.data_files import room
from butler.ops.link_words import clock_time
from butler.ops.notify_channels import Notice, NotSentError, channels, ping
from butler.ops.reloading import TellOwner
from butler.ops.troubles import troubles
from butler.storage.files import replace_file
from butler.transports.whatsapp import LinkState

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
PING_EVERY_S = 300.0
LAST_WORD_S = 20.0
QUIET_S = 2.0
"""What waited at WhatsApp comes within this time of each other."""

_FILE = "notices.json"


class Notices:
    """The troubles of a daemon, and which of them its owner was told.

    Args:
        config: The configuration; its [notify] may be replaced.
        state: Returns the state of the link.
        is_alive: Returns whether the gateway answers.
    """

    def __init__(
        self, config: Config, state: Callable[[], LinkState], is_alive: Callable[[], bool]
    ) -> None:
        self.config = config.notify
        self._machine = config.machine.name
        self._folder = config.data_dir
        self._state = state
        self._is_alive = is_alive
        self._away: dict[str, float] = {}
        self._pinged_at = -PING_EVERY_S
        self._told, self.last_alive = _read(self._folder / _FILE)

    def note_worker(self, name: str, *, is_away: bool) -> None:
        """Take notice that a worker has gone, or is back."""
        if is_away:
            self._away[name] = time.time()
        else:
            self._away.pop(name, None)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look for troubles every 10 seconds while the block runs, and once more at its end."""
        task = asyncio.create_task(self._watch(), name="notices")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORD_S if self._state().name == "ended" else 1):
                    await self.look()

    async def look(self) -> None:
        """Tell what is new, and what is over."""
        free_bytes = await asyncio.to_thread(room, self._folder)
        now = troubles(self._state(), free_bytes, self._away)
        for kind, text in now.items():
            if kind not in self._told:
                since = time.time()
                notice = Notice(kind, is_over=False, text=text, since=since, machine=self._machine)
                if await self._tell(notice):
                    self._told[kind] = since
        for kind, since in [*self._told.items()]:
            # A link that is only starting has not shown yet that it is well again.
            if kind not in now and self._is_over(kind):
                text = f"Well again since {clock_time(time.time())}, after: {kind}."
                notice = Notice(kind, is_over=True, text=text, since=since, machine=self._machine)
                if await self._tell(notice):
                    del self._told[kind]
        await asyncio.to_thread(self._save)
        await self._ping(is_well=not now)

    async def say_back(self, waited: Callable[[], int], tell_owner: TellOwner) -> None:
        """Tell the owner's chat, once there is a link, that Butler was away and is back.

        Args:
            waited: Returns how many messages have come so far that were sent before the start.
            tell_owner: Sends a text to the owner's chat.
        """
        if self.last_alive is None or not self.config.restarts:
            return
        away_s = time.time() - self.last_alive
        while self._state().name != "connected":  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(1)
        back = clock_time(time.time())
        count = await _settled(waited)
        messages = "1 message was" if count == 1 else f"{count} messages were"
        end = f"; {messages} waiting." if count else "."
        await tell_owner(f"Back since {back}, I was away {duration(away_s)}{end}")

    def _is_over(self, kind: str) -> bool:
        is_of_link = kind != "disk full" and not kind.startswith("worker ")
        return self._state().name == "connected" if is_of_link else True

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _tell(self, notice: Notice) -> bool:
        """Send on every channel; return whether nothing is left to do, or one has worked."""
        found = channels(self.config)
        sent = not found
        for name, channel in found.items():
            try:
                await asyncio.to_thread(channel, notice)
                sent = True
            except NotSentError as error:
                logger.warning("the notice “%s” was not sent by %s: %s", notice.kind, name, error)
        return sent

    async def _ping(self, *, is_well: bool) -> None:
        now = asyncio.get_running_loop().time()
        is_due = now - self._pinged_at >= PING_EVERY_S
        if self.config.ping is None or not is_due or not is_well or not self._is_alive():
            return
        self._pinged_at = now
        try:
            await asyncio.to_thread(ping, self.config.ping)
        except NotSentError as error:
            logger.warning("the ping was not sent: %s", error)

    def _save(self) -> None:
        kept = {"told": self._told, "alive": time.time()}
        with suppress(DataError):  # a full disk is told by other means
            replace_file(self._folder / _FILE, json.dumps(kept).encode())


async def _settled(count: Callable[[], int]) -> int:
    """Return a count once it no longer grows."""
    before = -1
    while (now := count()) != before:
        before = now
        await asyncio.sleep(QUIET_S)
    return now


def _read(path: Path) -> tuple[dict[str, float], float | None]:
    """Return what was told of what has not ended, and when a daemon last was alive."""
    try:
        kept = json.loads(path.read_bytes())
        told: Mapping[str, float] = kept["told"]
        return {str(kind): float(since) for kind, since in told.items()}, float(kept["alive"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}, None
