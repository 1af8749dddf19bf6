"""The composition root: the only module that wires the parts together."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from butler.access.grants import StoredGrants
from butler.access.loop_guard import LoopGuard
from butler.access.pins import StoredPins
from butler.access.rate_limits import Buckets
from butler.builtin.access import AccessPlugin
from butler.builtin.help import HelpPlugin
from butler.builtin.machines import MachinesPlugin
from butler.chat.transport import Transport
from butler.config import loading
from butler.config.loading import Draft
from butler.config.schema import Config, LimitsConfig, StoreKind
from butler.core import loader
from butler.core.albums import GATHER_S
from butler.core.attachments import FileRules
from butler.core.bot import Bot
from butler.core.fleet import Fleet
from butler.core.gate import Gate, Judge
from butler.core.handlers import command_names, commands_of, listeners_of
from butler.core.jobs import Jobs
from butler.core.meter import Meter
from butler.core.plugin import Plugin, Settings
from butler.core.router import Router
from butler.core.services import Services
from butler.errors import ButlerError, ConfigError, PluginError
from butler.records.model import Records
from butler.repos.registry import RepoRegistry
from butler.sessions import MemoryStore, SessionManager, SessionStore, SqliteStore, StoreError
from butler.storage.files import private_folder
from butler.storage.generation import Generation
from butler.storage.kept_files import KeptFiles
from butler.storage.pruning import Pruning

logger = logging.getLogger(__name__)

SESSIONS_FILE = "sessions.sqlite3"
MEDIA_FOLDER = "media"
"""The files that people sent, and those that Butler sends, below the data folder."""

PURGE_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class Setup:
    """A checked configuration with its plugins and repos created, but nothing opened yet."""

    config: Config
    path: Path
    plugins: dict[str, Plugin[Settings]]
    repos: RepoRegistry
    router: Router
    gate: Gate
    grants: StoredGrants
    text: str
    meter: Meter = field(default_factory=Meter)

    def introduce(self, plugin: Plugin[Settings], name: str) -> None:
        """Tell a plugin what is around it."""
        plugin.meter = self.meter.within(name)
        plugin.data_folder = self.config.data_dir
        plugin.config_path = self.path
        plugin.known_repos = self.repos
        plugin.keep_s = self.config.records.keep


def read_setup(path: Path | None = None, kept: Path | None = None) -> Setup:
    """Read the configuration and create everything that it names.

    Args:
        path: The file; by default the usual one.
        kept: A copy of an earlier version, to be read in its place.

    Raises:
        ConfigError: The file has errors; the exception lists all of them.
        PluginError: A handler breaks a rule, or two commands share a name.
    """
    path = loading.find(path)
    draft = Draft(path, kept)
    loaded = _load_plugins(draft)
    options = _repo_options(draft, loaded)
    _check_commands(draft, loaded)
    config = draft.finish()
    grants = StoredGrants(config.data_dir / "grants.sqlite3")
    access = config.access_rules(grants)
    plugins: dict[str, Plugin[Settings]] = {
        "help": HelpPlugin(Settings()),
        **loaded,
        "access": AccessPlugin(access, grants),
    }
    if config.redis.place is not None:
        plugins["machines"] = MachinesPlugin(Settings())
    router = Router(
        (each for name, plugin in plugins.items() for each in commands_of(plugin, name)),
        config.prefix,
    )
    pins = StoredPins(config.data_dir)
    repos = RepoRegistry(config.configured_repos(options), config.repo_folders, pins)
    gate = Gate(access, router, *buckets(config.limits), LoopGuard(time.monotonic))
    return Setup(config, path, plugins, repos, router, gate, grants, draft.text)


def buckets(limits: LimitsConfig) -> tuple[Buckets, Buckets]:
    """Return the rate limits of people and of chats."""
    return (
        Buckets(limits.person_per_minute, limits.person_burst, time.monotonic),
        Buckets(limits.chat_per_minute, limits.chat_per_minute, time.monotonic),
    )


def _load_plugins(draft: Draft) -> dict[str, Plugin[Settings]]:
    entries = loader.installed()
    draft.check_plugin_names(entries)
    plugins: dict[str, Plugin[Settings]] = {}
    for name in draft.enabled_plugins:
        try:
            cls = loader.load(name, entries)
            settings = draft.settings(name, cls.settings_type)
            if settings is not None:
                plugins[name] = loader.make(name, cls, settings)
        except PluginError as error:
            draft.mistakes.append(f"{draft.path}: plugins.enabled: {error}")
    return plugins


def _check_commands(draft: Draft, plugins: dict[str, Plugin[Settings]]) -> None:
    # If a plugin is missing, its commands would be reported as unknown on top of that.
    if plugins.keys() >= {*draft.enabled_plugins}:
        names: dict[str, str] = {}
        for cls in (HelpPlugin, AccessPlugin, MachinesPlugin, *map(type, plugins.values())):
            names |= command_names(cls)
        draft.check_commands(names)


def _repo_options(
    draft: Draft, plugins: dict[str, Plugin[Settings]]
) -> dict[str, dict[str, Settings]]:
    """Return the plugins' options from the repos' tables, by repo and plugin."""
    options: dict[str, dict[str, Settings]] = {}
    for plugin_name, plugin in plugins.items():
        for repo_name, settings in draft.repo_settings(plugin.repo_settings_type).items():
            options.setdefault(repo_name, {})[plugin_name] = settings
    draft.check_repo_keys()
    return options


@contextmanager
def open_sessions(config: Config) -> Iterator[SessionManager]:
    """Open the store that the configuration names.

    Raises:
        StoreError: It cannot be used.
        DataError: The data folder cannot be used.
    """
    store = session_store(config, config.sessions.store)
    with SessionManager(store, expire_after_s=config.sessions.expire_after) as manager:
        yield manager


def session_store(config: Config, kind: StoreKind) -> SessionStore:
    """Open one of the stores.

    Raises:
        StoreError: It cannot be used.
        DataError: The data folder cannot be used.
    """
    if kind == "memory":
        return MemoryStore()
    if kind == "sqlite":
        path = private_folder(config.data_dir) / SESSIONS_FILE
        return SqliteStore(path, synchronous=config.sessions.synchronous)
    from butler.sessions.redis import RedisStore

    if (place := config.redis.place) is None:
        raise ConfigError("There is no redis.url in the configuration.")
    return RedisStore(place, account_of_sessions(config))


def account_of_sessions(config: Config) -> str:
    """Return whose sessions are this machine's among those of several in Redis.

    They are the linked account's; before there is one, those of this machine's console.

    Raises:
        DataError: The credentials cannot be read.
    """
    from butler.transports.whatsapp.account import linked_account

    return linked_account(config.data_dir / "whatsapp") or config.machine.name


@dataclass(frozen=True, slots=True)
class FleetSide:
    """What is different about a bot that works with other machines.

    Attributes:
        fleet: Opens the fleet for the services of the bot.
        judge: Asked in place of the gate.
        sessions: The store in place of the configured one.
        machine: The name of the machine, where it works for another one.
    """

    fleet: Callable[[Services], AbstractAsyncContextManager[Fleet]] | None = None
    judge: Judge | None = None
    sessions: SessionStore | None = None
    machine: str = ""


ALONE = FleetSide()


@asynccontextmanager
async def open_bot(
    setup: Setup,
    transport: Transport,
    records: Records,
    name: str = "another Butler",
    side: FleetSide = ALONE,
    gather_s: float = GATHER_S,
) -> AsyncIterator[Bot]:
    """Open the sessions and the plugins; on exit, wait for the jobs, then close them.

    Args:
        setup: The checked configuration.
        transport: Where messages come from and go to.
        records: The log of handled and ignored messages.
        name: This process, for others that share the data folder.
        side: What is different where there are other machines.
        gather_s: How long files of one person are waited for, to be one message.
    """
    async with AsyncExitStack() as stack:
        sessions = stack.enter_context(_sessions(setup.config, side.sessions))
        stack.enter_context(setup.grants)
        await _enter_plugins(stack, setup, name, side.machine)
        files = KeptFiles(setup.config.data_dir / MEDIA_FOLDER, setup.config.media.keep)
        await stack.enter_async_context(_purging(sessions, files))
        jobs = await stack.enter_async_context(Jobs())
        services = Services(
            sessions,
            setup.repos,
            setup.router,
            side.judge or setup.gate,
            transport,
            jobs,
            records,
            file_rules=FileRules(setup.config.media.max_bytes, setup.config.media.per_run),
        )
        if side.fleet is not None:
            fleet = await stack.enter_async_context(side.fleet(services))
            services = replace(services, fleet=fleet)
        listeners = (
            each for name, plugin in setup.plugins.items() for each in listeners_of(plugin, name)
        )
        grants = setup.grants
        yield Bot(
            services,
            setup.plugins,
            listeners,
            grants.announce,
            grants.take_news,
            grants.take_learned,
            gather_s=0.0 if side.machine else gather_s,
        )


def _sessions(config: Config, store: SessionStore | None) -> AbstractContextManager[SessionManager]:
    """Return the sessions in ``store``, or in the configured one."""
    return open_sessions(config) if store is None else SessionManager(store)


async def _enter_plugins(stack: AsyncExitStack, setup: Setup, name: str, machine: str) -> None:
    is_restored = Generation(setup.config.data_dir).is_restored
    for plugin_name, plugin in setup.plugins.items():
        setup.introduce(plugin, plugin_name)
        plugin.is_restored = is_restored
        plugin.machine = machine
        plugin.process_name = f"{name} (process {os.getpid()})"
        await _enter(stack, plugin, plugin_name)


async def _enter(stack: AsyncExitStack, plugin: Plugin[Settings], name: str) -> None:
    try:
        await stack.enter_async_context(plugin)
    except ButlerError:
        raise
    except Exception as error:  # the boundary to code of others
        raise PluginError(
            f"plugin {name!r} does not start: {type(error).__name__}: {error}"
        ) from error


@asynccontextmanager
async def _purging(sessions: SessionManager, files: KeptFiles) -> AsyncIterator[None]:
    pruning = Pruning(inf)

    async def purge_forever() -> None:
        while True:
            try:
                # What has expired counts as absent anyway, but a clock may be wrong for a while.
                if pruning.is_due:
                    await asyncio.to_thread(sessions.purge_expired)
            except StoreError as error:
                logger.warning("expired sessions stay for now: %s", error)
            await asyncio.to_thread(files.prune)
            await asyncio.sleep(PURGE_EVERY_S)

    purge = asyncio.create_task(purge_forever(), name="purge")
    try:
        yield
    finally:
        purge.cancel()
        await asyncio.gather(purge, return_exceptions=True)
