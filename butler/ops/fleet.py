"""The fleet as `butler run`, `butler console` and `butler worker` open it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from butler.app import MEDIA_FOLDER, FleetSide, Setup
from butler.config.schema import Config
from butler.core.fleet import Fleet
from butler.core.services import Services
from butler.errors import ConfigError, DataError
from butler.fleet.broker import Broker
from butler.fleet.hub import MAX_AGE_S, Hub, HubOptions
from butler.fleet.keys import WorkerKeys, fleet_folder
from butler.fleet.redis_broker import RedisBroker
from butler.ops.hubs import NoteWorker, ignore
from butler.storage.files import locked
from butler.storage.redis import open_async
from butler.storage.redis_errors import explain

MOST_CONSOLES = 9


@asynccontextmanager
async def open_broker(config: Config) -> AsyncIterator[Broker]:
    """Open the Redis that the configuration names.

    Raises:
        ConfigError: It names none.
    """
    place = config.redis.place
    if place is None:
        raise ConfigError(
            "Several machines need a Redis that all of them reach: set url in [redis]."
        )
    broker = RedisBroker(
        lambda wait_s: open_async(place, wait_s=wait_s),
        place.name,
        lambda error: explain(place.address, error).reason,
    )
    try:
        yield broker
    finally:
        await broker.aclose()


@contextmanager
def hub_side(setup: Setup, kind: str = "", note_worker: NoteWorker = ignore) -> Iterator[FleetSide]:
    """Yield what makes a bot a hub; nothing where no Redis is configured.

    Args:
        setup: The checked configuration.
        note_worker: Called with a worker that has gone or is back.
        kind: Tells several hubs of a machine apart; each number of it is used once at a time.
    """
    config = setup.config
    with _name(fleet_folder(config.data_dir), config.machine.name, kind) as name:
        yield FleetSide(fleet=lambda services: _open_hub(config, name, services, note_worker))


@contextmanager
def _name(folder: Path, machine: str, kind: str) -> Iterator[str]:
    """Take the first free name of a hub on this machine."""
    names = [f"{machine}.{kind}{number}" for number in ("", *range(2, MOST_CONSOLES + 1))]
    for name in names if kind else [machine]:
        lock = locked(folder / f"{name}.lock", "Another hub")
        try:
            lock.__enter__()
        except DataError:
            if name == names[-1] or not kind:
                raise
            continue
        try:
            yield name
        finally:
            lock.__exit__(None, None, None)
        return


@asynccontextmanager
async def _open_hub(
    config: Config, name: str, services: Services, note_worker: NoteWorker
) -> AsyncIterator[Fleet]:
    folder = fleet_folder(config.data_dir)
    options = HubOptions(
        config.machine.name,
        name,
        WorkerKeys(folder),
        folder / f"{name}.sqlite3",
        config.data_dir / MEDIA_FOLDER,
        config.whatsapp.max_message_age or MAX_AGE_S,
        note_worker,
    )
    async with open_broker(config) as broker, Hub(broker, options, services) as hub:
        yield hub


FleetOpener = Callable[[Services], AbstractAsyncContextManager[Fleet]]
