from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import redis_servers
from butler.sessions import MemoryStore, SessionManager, SessionStore, SqliteStore
from butler.sessions.redis import RedisStore
from butler.storage.redis_url import RedisPlace, parse
from butler.testing import Clock
from redis_certificates import write_certificates
from redis_servers import Server

STORES = [
    "memory",
    "sqlite",
    "valkey",
    pytest.param("redis", marks=redis_servers.needs_redis),
    pytest.param("sentinel", marks=redis_servers.needs_redis),
]
SENTINEL = (
    "sentinel monitor butler 127.0.0.1 {} 1",
    "sentinel auth-pass butler secret",
    "requirepass other",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Return the server of a name, started at its first use."""
    running: dict[str, Server] = {}

    def server(name: str, *settings: str, **options: Any) -> Server:
        if name not in running:
            folder = tmp_path_factory.mktemp(name)
            running[name] = Server(folder, *settings, **options).start()
        return running[name]

    yield server
    for each in running.values():
        each.kill()


@pytest.fixture(scope="session")
def places(
    servers: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], RedisPlace]:
    """Return where a Redis of a kind is, with nothing in it.

    "redis" is a cluster of one node that is reached by TLS, and by a user with the rights that are
    documented. "sentinel" asks a Sentinel for it.
    """
    certificates = tmp_path_factory.mktemp("certificates")
    ca_file, tls = write_certificates(certificates)
    tls_port = redis_servers.free_port()

    def valkey() -> RedisPlace:
        server = servers("valkey")
        server.say("FLUSHALL")
        return RedisPlace(parse(server.url))

    def redis() -> RedisPlace:
        rights = f"user bot on >secret {redis_servers.RIGHTS}"
        settings = (f"tls-port {tls_port}", *tls, rights, "cluster-enabled yes")
        server = servers("redis", *settings, program=redis_servers.REDIS)
        server.join_cluster()
        server.say("FLUSHALL")
        return RedisPlace(parse(f"rediss://bot:secret@127.0.0.1:{tls_port}"), ca_file=ca_file)

    def sentinel() -> RedisPlace:
        options = {"program": redis_servers.REDIS}
        user = f"user bot on >secret {redis_servers.RIGHTS}"
        primary = servers("primary", "requirepass secret", user, password="secret", **options)
        primary.say("FLUSHALL")
        settings = [each.format(primary.port) for each in SENTINEL]
        asked = servers("sentinel", *settings, is_sentinel=True, **options)
        place = f"127.0.0.1:{asked.port}/butler?sentinel_password=other"
        return RedisPlace(parse(f"redis+sentinel://bot:secret@{place}"))

    kinds = {"valkey": valkey, "redis": redis, "sentinel": sentinel}
    return lambda kind: kinds[kind]()


@pytest.fixture(params=STORES)
def store(
    request: pytest.FixtureRequest, path: Path, places: Callable[[str], RedisPlace]
) -> Iterator[SessionStore]:
    store: SessionStore
    if request.param == "memory":
        store = MemoryStore()
    elif request.param == "sqlite":
        store = SqliteStore(path)
    else:
        store = RedisStore(places(request.param), "+4915112345678")
    yield store
    store.close()


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
