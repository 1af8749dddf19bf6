"""`butler worker`: the repos of this machine for the chats of a hub."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from butler.app import MEDIA_FOLDER, FleetSide, Setup
from butler.config.schema import RepoConfig
from butler.core.router import Router
from butler.errors import ConfigError
from butler.fleet.broker import Broker
from butler.fleet.frames import SharedRepo
from butler.fleet.handed import HandedJudge, HandedRecords, HandedSessions, WorkerFleet
from butler.fleet.keys import HubKeys, fleet_folder
from butler.fleet.marks import FILE_NAME
from butler.fleet.offer import Offer
from butler.fleet.pairing import join, parsed
from butler.fleet.worker import WorkerTransport
from butler.ops.fleet import open_broker
from butler.ops.log_setup import follow_log
from butler.ops.metrics.measuring import measures_of
from butler.ops.notify_socket import NotifySocket
from butler.ops.reloading import Reloader, has_terminal
from butler.ops.shutdown import converse
from butler.records.model import Records
from butler.records.sqlite import SqliteRecords
from butler.repos.registry import Repo
from butler.storage.files import locked

logger = logging.getLogger(__name__)

REFRESH_S = 30.0
"""Between two looks at the disk for new repos."""


async def serve(setup: Setup, name: str | None, code: str | None = None) -> None:
    """Work for the hubs with which this machine is paired, until a signal asks to stop.

    Args:
        setup: The checked configuration.
        name: The name of this worker; None for the one it joined with, or the configured one.
        code: A code to join a hub by, first.

    Raises:
        ConfigError: It is paired with none, or the code is wrong.
        TransportError: Another worker has the name.
    """
    folder = fleet_folder(setup.config.data_dir)
    with locked(folder / "worker.lock", "Another worker"):
        keys = HubKeys(folder)
        async with open_broker(setup.config) as broker:
            if code is not None:
                await _join(broker, keys, code)
            worker = name or keys.name or setup.config.machine.name
            if not keys.machines:
                raise ConfigError(
                    "This worker is paired with no hub yet. Where Butler runs: "
                    f"butler workers add {worker}. It prints the line to type here."
                )
            await _work(setup, worker, broker, keys)
    logger.info("Stopped.")


async def _work(setup: Setup, worker: str, broker: Broker, keys: HubKeys) -> None:
    """Work until a signal asks to stop."""
    kept = setup.config.records
    records = SqliteRecords(setup.config.data_dir / "records.sqlite3", kept.max_bytes, kept.keep)
    measures, shared = measures_of(setup), SharedRepos(setup)
    setup, measured = measures.of_setup(setup), measures.of_records(records)
    async with (
        records.flushing(),
        measures.published(),
        at_work(setup, worker, broker, keys, measured, shared) as work,
    ):
        setup, transport, records_of_hub, side = work

        def follow(new: Setup) -> None:
            follow_log(new)
            shared.follow(new)
            transport.show_soon()

        logger.info("Ready: %s works for %s. Ctrl-C stops.", worker, _listed(keys))
        await converse(
            *(setup, measures.of_transport(transport), records_of_hub),
            on_stop=transport.call_last,
            name="the worker",
            side=side,
            reloader=Reloader(setup, NotifySocket(), follow, is_in_terminal=has_terminal()),
        )


async def _join(broker: Broker, keys: HubKeys, code: str) -> None:
    parts = parsed(code)
    keys.pair(parts.worker, parts.machine, await join(broker, parts))
    logger.info("%s has joined %s", parts.worker, parts.machine)


def _listed(keys: HubKeys) -> str:
    return ", ".join(keys.machines)


@asynccontextmanager
async def at_work(
    setup: Setup,
    name: str,
    broker: Broker,
    keys: HubKeys,
    own_records: Records,
    shared: "SharedRepos | None" = None,
) -> AsyncIterator[tuple[Setup, WorkerTransport, Records, FleetSide]]:
    """Yield what makes a bot a worker; its name is held for the time of the block.

    What is ``shared`` may change meanwhile; by default it is what the setup says.

    Raises:
        TransportError: Another worker has the name.
    """
    folder = fleet_folder(setup.config.data_dir)
    # A hub hands over commands by their names, and puts its own prefix into what is said.
    setup = replace(setup, router=Router(setup.router.commands, "/"))
    offer = _offer(setup, name, keys, shared or SharedRepos(setup))
    media_folder = setup.config.data_dir / MEDIA_FOLDER
    transport = WorkerTransport(broker, offer, folder / FILE_NAME, media_folder)
    links, turns = transport.links, transport.turns
    sessions = HandedSessions(links)
    transport.on_turn = lambda turn: sessions.take(turn.message.chat_id, turn.frame.repo)
    side = FleetSide(
        fleet=lambda _services: _opened(
            WorkerFleet(
                *(broker, name, transport.jobs, links),
                *(transport.show_soon, transport.offer),
            )
        ),
        judge=HandedJudge(turns, setup.router, links, name, setup.config.machine.repos),
        sessions=sessions,
        machine=name,
    )
    async with transport, _refreshing(setup):
        yield setup, transport, HandedRecords(own_records, turns, links), side


def _offer(setup: Setup, name: str, keys: HubKeys, shared: "SharedRepos") -> Offer:
    return Offer(
        name=name,
        owner=keys.owner,
        repos=shared.listed,
        commands=[each.name for each in setup.router.commands],
        key_of=keys.key,
        machines=lambda: keys.machines,
    )


@asynccontextmanager
async def _opened(fleet: WorkerFleet) -> AsyncIterator[WorkerFleet]:
    yield fleet


class SharedRepos:
    """The repos of this machine that hubs may use, with their audiences.

    Args:
        setup: The checked configuration.
    """

    def __init__(self, setup: Setup) -> None:
        self._repos = setup.repos
        self._config = setup.config

    def follow(self, new: Setup) -> None:
        """Take a new configuration, whose repos are known here already."""
        self._config = new.config

    def listed(self) -> Sequence[SharedRepo]:
        """Return them as of now."""
        allowed = self._config.machine.repos
        return [
            _shared(repo, self._config.repos.get(repo.name))
            for repo in self._repos
            if allowed is None or repo.name in allowed
        ]


def _shared(repo: Repo, configured: RepoConfig | None) -> SharedRepo:
    if configured is None or configured.audience is None:
        return SharedRepo(repo.name, repo.description, None, None)
    people = tuple(str(each) for each in configured.users or ())
    return SharedRepo(repo.name, repo.description, people, tuple(configured.chats or ()))


@asynccontextmanager
async def _refreshing(setup: Setup) -> AsyncIterator[None]:
    async def refresh_forever() -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            await asyncio.to_thread(setup.repos.refresh)

    refreshing = asyncio.create_task(refresh_forever(), name="repos")
    try:
        yield
    finally:
        refreshing.cancel()
        await asyncio.gather(refreshing, return_exceptions=True)
