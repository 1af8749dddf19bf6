"""The cost of sessions compared with the minimum.

Prints medians of one call, and of ten runs for lists, all taken in turns within one run:
``python bench/sessions_manager.py [FOLDER]``; the folder is where the databases go (300 MB).

The program that Butler descends from is written in Go and takes 60 to 105 ns for an operation in
memory: a figure that is quoted, not measured here.
"""

import gc
import itertools
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from butler.sessions import MemoryStore, Session, SessionManager, SqliteStore

ROUNDS = 30
CALLS = 1_000
GO_NS = (60, 105)
NAME, PATH = "billing-api", "/home/someone/src/billing-api"

UPSERT = """
    INSERT INTO sessions VALUES (?, ?, ?, ?) ON CONFLICT (chat_id) DO UPDATE SET
    active_repo = excluded.active_repo, active_repo_path = excluded.active_repo_path,
    last_command_time = excluded.last_command_time
"""

Call = Callable[[str], object]


class LockedDict:
    """The minimum: a dict, and a lock per key that is never freed."""

    def __init__(self, chat_ids: Sequence[str]) -> None:
        self._locks = {chat_id: threading.Lock() for chat_id in chat_ids}
        self._repos = dict.fromkeys(chat_ids, (NAME, PATH, 0.0))
        self._sessions: dict[str, Session] = {}

    def get(self, chat_id: str) -> tuple[str, str]:
        with self._locks[chat_id]:
            name, path, _ = self._repos[chat_id]
        return name, path

    def set(self, chat_id: str) -> None:
        with self._locks[chat_id]:
            self._repos[chat_id] = (NAME, PATH, time.time())

    def set_session(self, chat_id: str) -> None:
        with self._locks[chat_id]:
            self._sessions[chat_id] = Session(chat_id, NAME, PATH, time.time())


def chat_ids(count: int) -> list[str]:
    return [f"{120363000000000000 + 7919 * number}@g.us" for number in range(count)]


def filled(path: Path, count: int) -> SessionManager:
    SqliteStore(path).close()
    db = sqlite3.connect(path)
    with db:
        db.executemany(UPSERT, ((chat_id, "web", "/src/web", 1.0) for chat_id in chat_ids(count)))
    db.close()
    started = time.perf_counter()
    manager = SessionManager(SqliteStore(path))
    print(f"opening {count:>9,} sessions: {(time.perf_counter() - started) * 1e3:8.2f} ms")
    return manager


def remembered(count: int) -> SessionManager:
    store = MemoryStore()
    for number, chat_id in enumerate(chat_ids(count)):
        store.put(Session(chat_id, NAME, PATH, float(number)))
    return SessionManager(store)


def select(manager: SessionManager) -> Call:
    return lambda chat_id: manager.set_active_repo(chat_id, NAME, PATH)


def bare_upsert(path: Path) -> Call:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = NORMAL")
    return lambda chat_id: db.execute(UPSERT, (chat_id, NAME, PATH, time.time()))


def mean_call_s(call: Call, keys: Sequence[str]) -> float:
    started = time.perf_counter()
    for key in keys:
        call(key)
    return (time.perf_counter() - started) / len(keys)


def each_call_s(call: Call, keys: Sequence[str]) -> list[float]:
    times = [time.perf_counter()]
    for key in keys:
        call(key)
        times.append(time.perf_counter())
    return [after - before for before, after in itertools.pairwise(times)]


def compare_calls(calls: dict[str, tuple[Call, Sequence[str]]]) -> None:
    """Print the median call of each; ratios are to the first."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, (call, keys) in calls.items():
            samples[name] += each_call_s(call, random.sample(keys, min(CALLS, len(keys))))
    floor = statistics.median(next(iter(samples.values())))
    for name, times in samples.items():
        median, mean = statistics.median(times), statistics.fmean(times)
        print(
            f"{name:42} {median * 1e6:8.2f} µs  x {median / floor:5.2f}"
            f"   (mean {mean * 1e6:.2f}, slowest {max(times) * 1e3:.1f} ms)"
        )


def compare_loops(calls: dict[str, Call], keys: Sequence[str]) -> None:
    """Print the median over loops of the mean call; for calls too short to time one by one."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            samples[name].append(mean_call_s(call, keys))
    floor = statistics.median(next(iter(samples.values())))
    for name, times in samples.items():
        median = statistics.median(times)
        to_go = " to ".join(f"{median * 1e9 / ns:.0f}" for ns in reversed(GO_NS))
        print(
            f"{name:42} {median * 1e6:8.3f} µs  x {median / floor:5.2f}"
            f"   ({to_go} times what Go is quoted with)"
        )


def both_s(call: Call, keys: Sequence[str], threads: int) -> float:
    """Return the time per call of threads that work on chats of their own side by side."""
    shares = [list(keys[number::threads]) * 10 for number in range(threads)]
    workers = [threading.Thread(target=mean_call_s, args=(call, share)) for share in shares]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return (time.perf_counter() - started) / sum(map(len, shares))


def compare_threads(calls: dict[str, Call], keys: Sequence[str]) -> None:
    """Print the medians with one thread and with two, and of the ratio within a round."""
    for name, call in calls.items():
        pairs = [(both_s(call, keys, 1), both_s(call, keys, 2)) for _ in range(ROUNDS)]
        one, two = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(two / one for one, two in pairs)
        print(f"{name:42} {one * 1e6:8.3f} µs  {two * 1e6:8.3f} µs  x {ratio:5.2f}")


def compare_lists(lists: dict[str, Callable[[], object]]) -> None:
    """Print the median of each; what the bench itself holds is no work for the collector."""
    gc.collect()
    gc.freeze()
    samples: dict[str, list[float]] = {name: [] for name in lists}
    for _ in range(10):
        for name, call in lists.items():
            started = time.perf_counter()
            call()
            samples[name].append(time.perf_counter() - started)
    for name, times in samples.items():
        print(f"{name:42} {statistics.median(times) * 1e3:8.2f} ms")


def peak_mb() -> float:
    # Not ru_maxrss, which a process inherits from the one that started it.
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def use(path: Path) -> None:
    """Select a repo in some of the chats; what that takes in memory is printed."""
    before = peak_mb()
    with SessionManager(SqliteStore(path)) as manager:
        for chat_id in chat_ids(100_000)[::10]:
            manager.set_active_repo(chat_id, NAME, PATH)
            manager.get_active_repo(chat_id)
        manager.recent_sessions(20)
    print(
        f"a process that opens them and works in 10,000: {before:.0f} MB, then {peak_mb():.0f} MB"
    )


def run(folder: Path) -> None:
    thousand, million = chat_ids(1_000), chat_ids(1_000_000)
    bare, memory = LockedDict(thousand), remembered(1_000)

    print("\nget, in memory")
    compare_loops({"dict, lock per key": bare.get, "manager": memory.get_active_repo}, thousand)
    print("\nset, in memory")
    compare_loops(
        {
            "dict, lock per key": bare.set,
            "dict, lock per key, of Session": bare.set_session,
            "manager": select(memory),
        },
        thousand,
    )
    print("\none thread and two, on different chats: time per call of all together")
    compare_threads(
        {
            "get: dict, lock per key": bare.get,
            "get: manager": memory.get_active_repo,
            "set: dict, lock per key": bare.set,
            "set: manager": select(memory),
        },
        thousand,
    )

    print("\nSQLite")
    with filled(folder / "small", 1_000) as small, filled(folder / "large", 1_000_000) as large:
        bare_small, bare_large = bare_upsert(folder / "small"), bare_upsert(folder / "large")
        compare_calls(
            {
                "bare upsert at 1,000": (bare_small, thousand),
                "set at 1,000": (select(small), thousand),
                "bare upsert at 1,000,000": (bare_large, million),
                "set at 1,000,000": (select(large), million),
                "touch at 1,000,000": (large.touch, million),
                "get at 1,000": (small.get_active_repo, thousand),
                "get at 1,000,000": (large.get_active_repo, million),
            }
        )
        compare_lists(
            {
                "recent_sessions(20) of 1,000,000": lambda: large.recent_sessions(20),
                "count_sessions of 1,000,000": large.count_sessions,
            }
        )
    subprocess.run([sys.executable, __file__, "--use", str(folder / "large")], check=True)
    print("\nlist_sessions of 100,000")
    remembered_sessions = remembered(100_000)
    with filled(folder / "middle", 100_000) as stored_sessions:
        compare_lists(
            {
                "in memory": remembered_sessions.list_sessions,
                "SQLite": stored_sessions.list_sessions,
            }
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--use"]:
        use(Path(sys.argv[2]))
        sys.exit()
    with tempfile.TemporaryDirectory(dir=next(iter(sys.argv[1:]), None)) as temporary:
        run(Path(temporary))
