"""Sends the commits of the last day, once a day, to the chats that want it.

Enable it in ``config.toml``::

    [plugins]
    enabled = ["session", "run", "digest"]

    [plugins.digest]
    hour = 18
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, Self

from pydantic import Field

from butler import (
    Context,
    GitError,
    Message,
    Plugin,
    Reply,
    Repo,
    Send,
    Settings,
    command,
    open_database,
    run_git,
)

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
_MAX_COMMITS = 20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS subscriptions (
    chat_id TEXT PRIMARY KEY, repo TEXT NOT NULL, last_day TEXT NOT NULL
);
"""


class DigestSettings(Settings):
    """The options of ``[plugins.digest]``: the hour of the day, in local time."""

    hour: Annotated[int, Field(ge=0, le=23)] = 18


class DigestPlugin(Plugin[DigestSettings]):
    """Which chats want it is in a file; a digest is noted there before it is sent.

    So no day is sent twice, whatever happens, and a day may be left out.
    """

    settings_type = DigestSettings

    async def __aenter__(self) -> Self:
        self._db = open_database(self.data_folder / "digest.sqlite3", _SCHEMA)
        self._looking: asyncio.Task[None] | None = None
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        self._db.close()

    @command(needs_like="run")
    async def digest(self, ctx: Context, choice: Literal["on", "off", "now"] = "now") -> str:
        """Send the commits of the active repo each day, no more, or once now."""
        if choice == "off":
            self._write("DELETE FROM subscriptions WHERE chat_id = ?", ctx.chat_id)
            return "There is no daily digest in this chat."
        repo = await ctx.active_repo()
        if choice == "now":
            return await _commits(repo) or f"No commits in *{repo.name}* since yesterday."
        self._write(
            "INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?)",
            *(ctx.chat_id, repo.name, self._last_day()),
        )
        return f"This chat gets the commits of *{repo.name}* each day at {self.settings.hour}:00."

    async def ready(self, send: Send, reopen: Callable[[Message], Awaitable[Context]]) -> None:
        """Begin to look whether a digest is due.

        Not in this job: Butler's end waits for jobs.
        """
        self._looking = asyncio.create_task(self._look(send), name="digest")

    async def _look(self, send: Send) -> None:
        while True:
            await self._send_due(send)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _send_due(self, send: Send) -> None:
        day = self._last_day()
        query = "SELECT chat_id, repo FROM subscriptions WHERE last_day < ?"
        for chat_id, name in self._db.execute(query, (day,)).fetchall():
            self._write("UPDATE subscriptions SET last_day = ? WHERE chat_id = ?", day, chat_id)
            repo = next((each for each in self.known_repos if each.name == name), None)
            try:
                text = await _commits(repo) if repo else ""
            except GitError as error:
                logger.warning("no digest of %s: %s", name, error)
                continue
            if text:
                await send(chat_id, Reply(text))

    def _last_day(self) -> str:
        """Return the day whose digest was due last."""
        return time.strftime("%Y-%m-%d", time.localtime(time.time() - self.settings.hour * 3600))

    def _write(self, query: str, *values: str) -> None:
        with self._db:
            self._db.execute(query, values)


async def _commits(repo: Repo) -> str:
    """Return the commits of the last day, or nothing."""
    since = f"--since={int(time.time()) - 24 * 3600}"
    form = "--format=• %s (%an)"
    listing = await run_git(repo.path, "log", since, f"--max-count={_MAX_COMMITS}", form)
    text = listing.decode(errors="replace").strip()
    return f"*{repo.name}* since yesterday:\n{text}" if text else ""
