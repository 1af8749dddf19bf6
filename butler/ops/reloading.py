"""Reads the configuration again while the daemon runs, as a whole or not at all."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

from butler.app import Setup, buckets, read_setup
from butler.builtin.access import AccessPlugin
from butler.chat.text import listed
from butler.core.plugin import Plugin, Settings, differing
from butler.errors import ConfigError, PluginError, UserError
from butler.ops.last_good import keep
from butler.ops.notify_socket import NotifySocket
from butler.ops.shutdown import Answers

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
SELF, RELOAD = "butler", "reload"
"""What another process asks, in place of a plugin, and how."""

TellOwner = Callable[[str], Coroutine[Any, Any, None]]

_LIVE = ("access", "limits", "repos", "repo_folders", "notify", "log")
_Stamp = tuple[int, int, int] | None


class Reloader:
    """Keeps a running bot to its configuration file.

    Args:
        setup: What was read at the start.
        manager: Told while a configuration is being read.
        on_change: Called with the new configuration, for what lies outside of the bot.
        news: What the owner has to be told of the start.
        is_in_terminal: Whether SIGHUP means that the terminal has gone.
    """

    def __init__(
        self,
        setup: Setup,
        manager: NotifySocket,
        on_change: Callable[[Setup], None],
        news: str = "",
        *,
        is_in_terminal: bool = False,
    ) -> None:
        self._setup = setup
        self._config = setup.config
        self._manager = manager
        self._on_change = on_change
        self._news = news
        self._is_in_terminal = is_in_terminal
        self._seen = self._stamp()
        self._is_asked = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._had_mistakes = bool(news)
        self.at_start: Callable[[TellOwner], Coroutine[Any, Any, None]] | None = None

    @property
    def on_hangup(self) -> Callable[[], None] | None:
        """What SIGHUP does; None where it ends the bot."""
        return None if self._is_in_terminal else self._is_asked.set

    def answering(self, others: Answers) -> Answers:
        """Return what answers other processes; what is not about this goes to ``others``."""

        async def answer(plugin: str, text: str) -> str:
            return (
                await self.reload()
                if (plugin, text) == (SELF, RELOAD)
                else await others(plugin, text)
            )

        return answer

    @asynccontextmanager
    async def watching(self, tell_owner: TellOwner) -> AsyncIterator[None]:
        """Look at the file every 2 seconds while the block runs, and obey SIGHUP."""
        tasks = [
            asyncio.create_task(self._watch(tell_owner), name="configuration"),
            *([asyncio.create_task(tell_owner(self._news))] if self._news else []),
            *([asyncio.create_task(self.at_start(tell_owner))] if self.at_start else []),
        ]
        try:
            yield
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def reload(self) -> str:
        """Read the file, and put it into force; return what has changed.

        Raises:
            UserError: It has mistakes, which the text lists; what was in force still is.
        """
        async with self._one_at_a_time:
            self._manager.tell_reloading()
            try:
                self._seen = self._stamp()
                new = await asyncio.to_thread(read_setup, self._setup.path)
            except (ConfigError, PluginError) as error:
                self._had_mistakes = True
                logger.error("the configuration stays as it was: %s", error)
                raise UserError(
                    f"The configuration has mistakes, so the old one stays in force:\n{error}"
                ) from None
            finally:
                self._manager.tell("READY=1")
            said = await self._put_into_force(new)
            self._had_mistakes = False
            logger.info("%s", said)
            return said

    async def _put_into_force(self, new: Setup) -> str:
        old = self._setup
        changed = [each for each in differing(self._config, new.config) if each in _LIVE]
        waiting = [*self._waiting(new)]
        folders = new.config.repo_folders
        await asyncio.to_thread(old.repos.follow, new.repos.configured, folders)
        rules = old.gate.access = new.config.access_rules(old.grants)
        if "limits" in changed:
            old.gate.limit(*buckets(new.config.limits))
        for plugin in old.plugins.values():
            if isinstance(plugin, AccessPlugin):
                plugin.follow(rules)
        for name, plugin in old.plugins.items():
            if name in new.plugins and differing(plugin.settings, new.plugins[name].settings):
                changed.append(f"plugins.{name}")
                waiting += _waiting_in(plugin, name, new.plugins[name].settings)
        self._on_change(new)
        self._config = new.config
        await asyncio.to_thread(keep, new)
        return _said(changed, waiting)

    def _waiting(self, new: Setup) -> Iterator[str]:
        """Yield the keys whose values differ from those at the start, and wait for the next."""
        for each in differing(self._setup.config, new.config):
            if each == "plugins":
                if self._setup.config.plugins.enabled != new.config.plugins.enabled:
                    yield "plugins.enabled"
            elif each not in _LIVE:
                yield each

    async def _watch(self, tell_owner: TellOwner) -> None:
        last = self._seen
        while True:
            is_asked = await self._is_asked_within(LOOK_EVERY_S)
            now = await asyncio.to_thread(self._stamp)
            # Half of a file is not read: it has to stay the same for one look.
            if is_asked or (now == last != self._seen):
                await self._tell_of_reload(tell_owner)
            last = now

    async def _is_asked_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._is_asked.wait()
        except TimeoutError:
            return False
        self._is_asked.clear()
        return True

    async def _tell_of_reload(self, tell_owner: TellOwner) -> None:
        had_mistakes = self._had_mistakes
        try:
            said = await self.reload()
        except UserError as error:
            await tell_owner(str(error))
        else:
            if had_mistakes:
                await tell_owner(f"The configuration is in order again. {said}")

    def _stamp(self) -> _Stamp:
        try:
            found = self._setup.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _waiting_in(plugin: Plugin[Settings], name: str, settings: Settings) -> list[str]:
    """Hand a plugin its new options; return what waits for a restart."""
    place = f"plugins.{name}"
    before = plugin.settings
    try:
        waiting = [f"{place}.{each}" for each in plugin.reload(settings)]
    except Exception:  # the boundary to code of others
        logger.exception("plugin %r does not take its new options", name)
        return [place]
    # One that takes nothing keeps the options that it has.
    return waiting if plugin.settings is not before else [place]


def has_terminal() -> bool:
    """Return whether this process belongs to a terminal, whose end is told by SIGHUP."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _said(changed: list[str], waiting: list[str]) -> str:
    """Return what has become of a new configuration."""
    now = [each for each in changed if each not in waiting]
    said = f"In force now: {listed(now)}." if now else "Nothing has changed."
    if waiting:
        said = said if now else "The configuration was read."
        said += f" This waits for a restart: {listed(waiting)}."
    return said
