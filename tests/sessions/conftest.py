from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import redis_servers
from butler.sessions import MemoryStore, SessionManager, SessionStore, SqliteStore
from butler.sessions.redis import RedisStore
from butler.storage.redis_url import RedisPlace, parse
from butler.testing import Clock
from redis_servers import Server

STORES = [
    "memory",
    "sqlite",
    "valkey",
    pytest.param("redis", marks=redis_servers.needs_redis),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Return a server by its kind, with nothing in it."""
    running: dict[str, Server] = {}

    def server(kind: str) -> Server:
        if kind not in running:
            program = redis_servers.VALKEY if kind == "valkey" else str(redis_servers.REDIS)
            running[kind] = Server(tmp_path_factory.mktemp(kind), program=program).start()
        running[kind].say("FLUSHALL")
        return running[kind]

    yield server
    for each in running.values():
        each.kill()


@pytest.fixture(params=STORES)
def store(
    request: pytest.FixtureRequest, path: Path, servers: Callable[[str], Server]
) -> Iterator[SessionStore]:
    store = make_store(request.param, path, servers)
    yield store
    store.close()


def make_store(kind: str, path: Path, servers: Callable[[str], Server]) -> SessionStore:
    if kind == "memory":
        return MemoryStore()
    if kind == "sqlite":
        return SqliteStore(path)
    return RedisStore(RedisPlace(parse(servers(kind).url)), "+4915112345678")


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000.0)


@pytest.fixture
def sessions(store: SessionStore, clock: Clock) -> SessionManager:
    return SessionManager(store, clock=clock)


@pytest.fixture
def expiring(store: SessionStore, clock: Clock) -> SessionManager:
    return SessionManager(store, expire_after_s=60, clock=clock)


@pytest.fixture
def in_threads() -> Callable[[Callable[[int], object], int], list[object]]:
    """Run a function in several threads at once; return what each returned, or raise."""

    def run(work: Callable[[int], object], count: int) -> list[object]:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(work, range(count)))

    return run
