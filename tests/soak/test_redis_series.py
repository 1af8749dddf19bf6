"""Redis killed under load, and its primary lost: what was acknowledged is there, and how soon."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

import redis_servers
from butler.sessions import Session, SessionStore, StoreError
from butler.sessions.redis import RedisStore
from butler.storage.redis_url import RedisPlace, parse
from redis_servers import REDIS, VALKEY, Guarded, Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

PUTS = 10_000
THREADS = 4
KILLS = 5
BACK_WITHIN_S = 2.0
FAILED_OVER_WITHIN_S = 5.0

Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Server] = []

    def start(*settings: str, program: str = str(REDIS), is_sentinel: bool = False) -> Server:
        folder = tmp_path / str(len(started))
        server = Server(folder, *settings, program=program, is_sentinel=is_sentinel)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path)
    yield guarded
    guarded.kill()


def put_until_it_works(store: SessionStore, session: Session) -> None:
    """Put a session as somebody does who repeats a command until it is acknowledged."""
    while True:
        try:
            store.put(session)
        except StoreError:
            time.sleep(0.02)
        else:
            return


class Writer:
    """Puts sessions of one chat after the other, and knows which were acknowledged."""

    def __init__(self, store: SessionStore, number: int) -> None:
        self.store = store
        self.number = number
        self.acknowledged: dict[str, float] = {}
        self.tried: dict[str, float] = {}
        self.puts = self.refused = 0

    def write(self, count: int, is_over: Event) -> None:
        step = 0
        while step < count or not is_over.is_set():
            self.puts = step = step + 1
            chat_id = f"{self.number}-{step % 500}@g.us"
            self.tried[chat_id] = float(step)
            try:
                self.store.put(Session(chat_id, "api", "/src/api", float(step)))
            except StoreError:
                self.refused += 1
                time.sleep(0.01)
            else:
                self.acknowledged[chat_id] = float(step)

    @property
    def lost(self) -> list[str]:
        found = {each.chat_id: each.last_command_time for each in self.store.all()}
        return [
            chat_id
            for chat_id, at in self.acknowledged.items()
            if not at <= found.get(chat_id, -1.0) <= self.tried[chat_id]
        ]


@pytest.mark.parametrize("program", [VALKEY, pytest.param(REDIS, marks=redis_servers.needs_redis)])
def test_kill_9_under_ten_thousand_puts_loses_nothing_that_was_acknowledged(start, program):
    server = start("appendonly yes", program=program)
    store = RedisStore(RedisPlace(parse(server.url)), "+49")
    writers = [Writer(store, number) for number in range(THREADS)]
    is_over = Event()
    back_s: list[float] = []
    chance = random.Random(14)  # noqa: S311 - repeatable, nothing is secret

    def kill_now_and_then() -> None:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 0.6))
            server.kill()
            time.sleep(chance.uniform(0.0, 0.5))
            server.start()
            ready = time.monotonic()
            put_until_it_works(store, Session("back@g.us", "api", "/src/api", ready))
            back_s.append(time.monotonic() - ready)
        is_over.set()

    with ThreadPoolExecutor(THREADS + 1) as pool:
        killing = pool.submit(kill_now_and_then)
        writing = [pool.submit(writer.write, PUTS // THREADS, is_over) for writer in writers]
        killing.result()
        for each in writing:
            each.result()

    puts = sum(writer.puts for writer in writers)
    refused = sum(writer.refused for writer in writers)
    print(f"{puts:,} puts, {refused:,} refused, {KILLS} kills")  # noqa: T201
    print(f"back {', '.join(f'{each:.2f}' for each in back_s)} s after the server")  # noqa: T201
    assert puts >= PUTS
    assert all(each <= BACK_WITHIN_S for each in back_s)
    assert [writer.lost for writer in writers] == [[]] * THREADS
    store.close()


@redis_servers.needs_redis
def test_a_failover_by_sentinel_takes_at_most_five_seconds(guarded):
    primary, replica = guarded.primary, guarded.replica
    store = RedisStore(RedisPlace(parse(guarded.url)), "+49")
    for number in range(100):
        store.put(Session(f"{number}@g.us", "api", "/src/api", float(number)))
    primary.wait_until_it_says("INFO", "replication", text="lag=0")
    copied = replica.say("HLEN", "{butler:butler}:sessions:+49")

    killed = time.monotonic()
    primary.kill()
    put_until_it_works(store, Session("after@g.us", "web", "/src/web", 1_000.0))
    took_s = time.monotonic() - killed

    print(f"failed over in {took_s:.1f} s")  # noqa: T201
    assert took_s <= FAILED_OVER_WITHIN_S
    assert copied == 100
    assert len(store.all()) == 101

    primary.start()  # comes back as a replica, which must not be written to
    primary.wait_until_it_says("INFO", "replication", text="master_link_status:up")
    store.put(Session("again@g.us", "web", "/src/web", 1_001.0))
    assert replica.say("HLEN", "{butler:butler}:sessions:+49") == 102
    store.close()
