"""The cost of sessions in Redis, compared with the bare commands of redis-py.

``python bench/sessions_redis.py`` prints medians of one call, taken in turns, and what 100,000
sessions take; Redis keeps nothing on disk.
"""

import statistics
import time
from collections.abc import Callable

import redis as redis_py
from contenders import redis

from butler.sessions import SessionManager
from butler.sessions.redis import RedisStore
from butler.storage.redis_url import RedisPlace, parse

ROUNDS = 30
CALLS = 300
MANY = 100_000
ACCOUNT = "+4915112345678"
NAME, PATH = "billing-api", "/home/someone/src/billing-api"


def microseconds(call: Callable[[str], object]) -> float:
    started = time.perf_counter()
    for number in range(CALLS):
        call(f"{120363000000000000 + number}@g.us")
    return (time.perf_counter() - started) / CALLS * 1e6


def main() -> None:
    with redis() as url:
        if url is None:
            return
        place = RedisPlace(parse(url))
        with (
            redis_py.Redis.from_url(url) as bare,
            SessionManager(RedisStore(place, ACCOUNT)) as sessions,
        ):
            compare(bare, sessions)
            fill(bare, place)
            list_many(sessions)


def compare(bare: redis_py.Redis, sessions: SessionManager) -> None:
    calls: dict[str, Callable[[str], object]] = {
        "redis-py: HGET": lambda chat: bare.hget("bare", chat),
        "redis-py: HSET": lambda chat: bare.hset("bare", chat, PATH),
        "get_session": sessions.get_session,
        "set_active_repo": lambda chat: sessions.set_active_repo(chat, NAME, PATH),
        "touch": sessions.touch,
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times[name].append(microseconds(call))
    for name, each in times.items():
        print(f"{name:20} {statistics.median(each):8.0f} µs")


def fill(bare: redis_py.Redis, place: RedisPlace) -> None:
    """Write many sessions as the store does, in large batches."""
    hashed, ordered = (place.key(part, ACCOUNT).decode() for part in ("sessions", "recent"))
    for first in range(0, MANY, 1_000):
        pipeline = bare.pipeline()
        for number in range(first, first + 1_000):
            chat_id = f"{120363000000000000 + number}@g.us"
            pipeline.hset(hashed, chat_id, f'["{NAME}", "{PATH}", {number}.0]')
            pipeline.zadd(ordered, {chat_id: -float(number)})
        pipeline.execute()


def list_many(sessions: SessionManager) -> None:
    for name, call in {
        f"list_sessions of {sessions.count_sessions():,}": sessions.list_sessions,
        "recent_sessions, 30": lambda: sessions.recent_sessions(30),
        "count_sessions": sessions.count_sessions,
    }.items():
        times = []
        for _ in range(10):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        print(f"{name:28} {statistics.median(times) * 1e3:8.1f} ms")


if __name__ == "__main__":
    main()
