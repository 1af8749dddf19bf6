"""What the owner's panel may see and do in a process: the same as in a chat, through its gate."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from butler.chat.message import Message, Reply
from butler.core.aside import owners_message
from butler.core.overview import Observable, Overview, RunReport, RunSummary
from butler.errors import UserError
from butler.logs import Complaint

logger = logging.getLogger(__name__)

_READ_ONLY = "Butler does not run, so there is nobody to do that. Start it with: butler run"


class Actor(Protocol):
    """A bot."""

    async def say(self, message: Message) -> list[Reply]:
        """Handle a message that came from elsewhere than its chat; return what answers it."""
        ...


class Door:
    """The way into a process for the panel.

    Args:
        plugins: What is observed.
        bot: Who acts; None where there is nobody, as while the daemon does not run.
    """

    def __init__(self, plugins: Iterable[Observable], bot: Actor | None = None) -> None:
        self._plugins = tuple(plugins)
        self._bot = bot
        self._complaint = Complaint(logger)

    async def say(self, chat_id: str, text: str, source: str) -> list[str]:
        """Let the owner write in a chat; return what answers that.

        Raises:
            UserError: There is nobody to do anything.
        """
        if self._bot is None:
            raise UserError(_READ_ONLY)
        replies = await self._bot.say(owners_message(chat_id, text, source))
        return [each.text for each in replies]

    def overview(self) -> Overview:
        """Return what is in progress; a plugin that cannot say shows nothing."""
        if self._bot is None:
            return Overview()
        try:
            seen = [each.overview() for each in self._plugins]
        except Exception as error:  # noqa: BLE001 - the boundary to code of others
            self._complaint.begin("what is in progress cannot be shown: %r", error)
            return Overview()
        self._complaint.end("what is in progress is shown again")
        return Overview(
            [run for each in seen for run in each.runs],
            [inquiry for each in seen for inquiry in each.inquiries],
        )

    async def runs(self, limit: int, before: int | None) -> list[RunSummary]:
        """Return runs, newest first."""
        lists = [await asyncio.to_thread(each.past_runs, limit, before) for each in self._plugins]
        found = (run for each in lists for run in each)
        return sorted(found, key=lambda run: -run.number)[:limit]

    async def report(self, number: int) -> RunReport | None:
        """Return a run in full; None if there is none of that number."""
        for each in self._plugins:
            if (found := await each.run_report(number)) is not None:
                return found
        return None


CLOSED = Door(())
"""Shows nothing, and lets nobody do anything."""
