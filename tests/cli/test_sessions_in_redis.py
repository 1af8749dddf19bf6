import json

import pytest

from butler.cli.sessions import cleared, copied_to_redis, shown
from butler.errors import ConfigError
from butler.sessions import Session, SqliteStore
from butler.sessions.redis import RedisStore
from butler.storage.redis_url import RedisPlace, parse
from butler_process import link_account, run_butler, write_config
from redis_servers import Server

SESSIONS = [
    Session("a@g.us", "api", "/src/api", 10.5),
    Session("b@g.us", "web", "/src/web", 20.5),
    Session("\udce9", None, None, 30.5),
]


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "valkey").start()
    yield server
    server.kill()


@pytest.fixture
def config(tmp_path, server):
    (tmp_path / "config.toml").touch(0o600)
    return write_config(tmp_path, f'[redis]\nurl = "{server.url}"\n[machine]\nname = "laptop"\n')


@pytest.fixture
def in_redis(config):
    config.write_text(f'{config.read_text()}[sessions]\nstore = "redis"\n')
    return config


@pytest.fixture
def redis(server):
    store = RedisStore(RedisPlace(parse(server.url)), "laptop")
    yield store
    store.close()


@pytest.fixture
def sqlite(config):
    store = SqliteStore(config.parent / "data" / "sessions.sqlite3")
    for session in SESSIONS:
        store.put(session)
    yield store
    store.close()


def test_sessions_in_redis_are_listed_and_cleared(in_redis, redis):
    redis.put(SESSIONS[0])

    (session,) = map(json.loads, shown(in_redis, as_json=True).splitlines())

    assert session["chat_id"] == "a@g.us"
    assert cleared(in_redis, "a@g.us") == "a@g.us is cleared."
    assert redis.all() == []


def test_the_sessions_of_a_linked_account_are_its_own(in_redis, server, redis):
    redis.put(SESSIONS[0])
    link_account(in_redis.parent / "data")

    assert shown(in_redis, as_json=False) == "There are no sessions.\n"


def test_sessions_in_sqlite_are_copied_exactly_and_only_once(config, server, sqlite, redis):
    where = f"Redis at 127.0.0.1:{server.port}"

    assert copied_to_redis(config) == (
        f"Copied 3 of 3 sessions to {where}. "
        'To use them: store = "redis" under [sessions], then restart Butler.'
    )
    assert sorted(redis.all()) == sorted(sqlite.all()) == sorted(SESSIONS)

    assert copied_to_redis(config).startswith(
        f"Copied 0 of 3 sessions to {where}, 3 are there already, as late or later."
    )


def test_a_later_session_in_redis_stays_and_an_earlier_one_is_replaced(config, sqlite, redis):
    later = Session("a@g.us", "infra", "/src/infra", 11.0)
    redis.put(later)
    redis.put(Session("b@g.us", "infra", "/src/infra", 1.0))

    copied_to_redis(config)

    assert redis.get("a@g.us") == later
    assert redis.get("b@g.us") == SESSIONS[1]


def test_without_sessions_in_sqlite_or_a_url_the_error_says_what_is_missing(config, tmp_path):
    with pytest.raises(ConfigError, match=r"There are no sessions to copy: .*sessions\.sqlite3"):
        copied_to_redis(config)

    with pytest.raises(ConfigError, match=r"redis\.url is missing"):
        copied_to_redis(write_config(tmp_path))


def test_the_command_copies(config, sqlite):
    done = run_butler("sessions", "--copy-to", "redis", "--config", config)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Copied 3 of 3 sessions to Redis at 127.0.0.1:")


def test_while_redis_is_away_the_command_fails_in_one_sentence(config, sqlite, server):
    server.kill()

    done = run_butler("sessions", "--copy-to", "redis", "--config", config)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Redis at 127.0.0.1:{server.port} cannot be used: "
        "Redis cannot be reached (connection refused); start it, or correct redis.url.\n"
    )
