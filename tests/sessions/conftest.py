from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from butler.sessions import MemoryStore, SessionManager, SessionStore, SqliteStore
from butler.testing import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, path: Path) -> Iterator[SessionStore]:
    store = MemoryStore() if request.param == "memory" else SqliteStore(path)
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
