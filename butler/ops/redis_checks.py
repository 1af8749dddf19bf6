"""What `butler check` says of Redis: whether it can be used, and keeps what it is told."""

from collections.abc import Iterator, Mapping

from butler.app import account_of_sessions
from butler.config.schema import Config
from butler.core.check_result import Finding
from butler.errors import DataError
from butler.sessions import Session, StoreError
from butler.sessions.redis import RedisStore
from butler.storage.redis import Redis
from butler.storage.redis_errors import RedisFailure, printable
from butler.storage.redis_url import RedisPlace

OLDEST = (6, 2)


class _UnusableError(Exception):
    """Redis cannot be used, or a command is not permitted."""

    def __init__(self, failure: RedisFailure) -> None:
        super().__init__(str(failure))
        self.is_forbidden = "may not" in failure.reason


def redis_findings(config: Config) -> Iterator[Finding]:
    """Check the Redis of the configuration, if it names one, by a session that is deleted again."""
    place = config.redis.place
    if place is None:
        return
    try:
        about = _about(place)
        _try_out(place)
        _look_at(place, account_of_sessions(config))
    except (_UnusableError, StoreError, DataError) as error:
        yield Finding(False, "redis", str(error))
        return
    if about is None:
        said = "its user may not run INFO, so version, appendonly and maxmemory were not looked at"
        yield Finding(True, "redis", f"{place.address}: {said}", is_note=True)
    else:
        yield from _settings(place, about)
    if not (place.address.is_encrypted or place.address.is_local):
        yield _note(f"{place.address} is reached without encryption; use TLS: rediss://")


def _about(place: RedisPlace) -> dict[str, str] | None:
    """Return what the server says of itself; None if its user may not ask."""
    redis = Redis(place, _UnusableError)
    try:
        text = redis.run("INFO")
    except _UnusableError as error:
        if not error.is_forbidden:
            raise
        return None
    finally:
        redis.close()
    lines = text.decode(errors="replace").splitlines()
    return {key: printable(value) for key, _, value in (line.partition(":") for line in lines)}


def _try_out(place: RedisPlace) -> None:
    """Do everything that is done with sessions, beside those of all accounts."""
    store = RedisStore(place, "check")
    try:
        store.put(Session("check", None, None, 0.0))
        store.get("check")
        store.touch("check", 1.0)
        store.recent(1)
        store.count()
        list(store.idle(1.0))
        store.delete("check")
    finally:
        store.close()


def _look_at(place: RedisPlace, account: str) -> None:
    """Ask for sessions that are really there, where another program may keep something else."""
    store = RedisStore(place, account)
    try:
        store.get("check")
        store.count()
    finally:
        store.close()


def _settings(place: RedisPlace, about: Mapping[str, str]) -> Iterator[Finding]:
    name, version = _version(about)
    numbers = about.get("redis_version", "").split(".")
    if tuple(int(each) for each in numbers[:2] if each.isdecimal()) < OLDEST:
        yield Finding(False, "redis", f"{name} {version} is too old; install 6.2 or newer")
        return
    yield Finding(True, "redis", f"{name} {version} at {place.address}")
    policy = about.get("maxmemory_policy", "noeviction")
    if about.get("maxmemory", "0") != "0" and policy != "noeviction":
        said = f"it deletes sessions when its memory is full ({policy})"
        yield Finding(False, "redis", f"{said}; set maxmemory-policy noeviction")
    if about.get("aof_enabled") == "0":
        yield _note("it loses the latest sessions when it crashes; set appendonly yes")
    if about.get("aof_last_write_status") == "err":
        yield Finding(False, "redis", "it cannot write to its disk; free some space")
    if about.get("connected_slaves", "0") != "0" and "min_slaves_good_slaves" not in about:
        yield _note("a failover may lose the latest sessions; set min-replicas-to-write 1")


def _version(about: Mapping[str, str]) -> tuple[str, str]:
    if "valkey_version" in about:
        return "Valkey", about["valkey_version"]
    return "Redis", about.get("redis_version", "of an unknown version")


def _note(said: str) -> Finding:
    return Finding(True, "redis", said, is_note=True)
