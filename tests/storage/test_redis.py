"""Over a real Valkey: how commands are sent, and what is said when it is away."""

import subprocess
import sys
from threading import Timer

import pytest

from butler.storage.redis import Redis, Script, open_async
from butler.storage.redis_errors import RedisFailure, explain
from butler.storage.redis_url import RedisPlace, parse
from redis_servers import Server


class UnusableError(Exception):
    """What the caller of `Redis` has it raise."""

    def __init__(self, failure: RedisFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "valkey").start()
    yield server
    server.kill()


@pytest.fixture
def redis(server):
    redis = Redis(RedisPlace(parse(server.url)), UnusableError)
    yield redis
    redis.close()


def failure_of(redis, *command):
    with pytest.raises(UnusableError) as raised:
        redis.run(*command)
    return raised.value.failure


def test_answers_are_bytes(redis):
    redis.run("SET", "a", "ä")

    assert redis.run("GET", "a") == "ä".encode()


def test_a_unix_socket_works_like_a_port(server):
    redis = Redis(RedisPlace(parse(f"unix://{server.socket}?db=3")), UnusableError)

    redis.run("SET", "a", "1")

    assert server.say("GET", "a") is None
    redis.close()


def test_a_script_is_known_by_its_digest_and_sent_again_where_it_is_not(server, redis):
    script = Script("return {KEYS[1], ARGV[1]}")

    assert redis.run_script(script, [b"key"], "value") == [b"key", b"value"]
    server.say("SCRIPT", "FLUSH")

    assert redis.run_script(script, [b"key"], "value") == [b"key", b"value"]


def test_a_connection_that_broke_while_it_was_idle_is_replaced(server, redis):
    redis.run("PING")
    server.say("CLIENT", "KILL", "TYPE", "normal")

    assert redis.run("PING") == b"PONG"


def test_where_nothing_listens_nothing_was_done(server, redis):
    redis.run("PING")
    server.kill()

    failure = failure_of(redis, "SET", "a", "1")

    assert (failure.reason, failure.may_be_done) == (
        "Redis cannot be reached (connection refused)",
        False,
    )
    assert str(failure) == (
        f"Redis at 127.0.0.1:{server.port} cannot be used: "
        "Redis cannot be reached (connection refused); start it, or correct redis.url."
    )


SET = Script("return redis.call('SET', KEYS[1], ARGV[1])", is_change=True)


def failure_of_change(redis):
    with pytest.raises(UnusableError) as raised:
        redis.run_script(SET, [b"a"], "1")
    return raised.value.failure


def test_a_change_that_redis_finds_too_late_is_not_made(server, redis):
    redis.run_script(SET, [b"a"], "0")
    server.pause()

    failure = failure_of_change(redis)
    server.resume()

    assert (failure.reason, failure.may_be_done) == ("Redis does not answer", False)
    assert server.say("GET", "a") == b"0"


def test_a_change_under_way_when_redis_dies_may_be_made(server, redis):
    redis.run_script(SET, [b"a"], "0")
    server.pause()
    Timer(0.2, server.kill).start()

    failure = failure_of_change(redis)

    assert (failure.reason, failure.may_be_done) == ("Redis closes the connection", True)


def test_after_the_clock_of_redis_was_set_the_next_change_is_made(redis):
    redis.run_script(SET, [b"a"], "0")
    for connection in redis._ahead_s:
        redis._ahead_s[connection] -= 3600

    assert redis.run_script(SET, [b"a"], "1") == b"OK"


def test_while_it_is_away_calls_fail_at_once_and_it_is_tried_again_soon(server, redis, mocker):
    now = mocker.patch("butler.storage.redis.time.monotonic", return_value=100.0)
    server.kill()
    failure_of(redis, "PING")
    server.start()

    assert failure_of(redis, "PING").reason == "Redis cannot be reached (connection refused)"
    now.return_value = 100.6

    assert redis.run("PING") == b"PONG"


def test_an_error_of_a_command_leaves_the_connection_usable(redis):
    redis.run("SET", "a", "1")

    failure = failure_of(redis, "HGET", "a", "b")

    assert failure.reason == "another program keeps something else under these keys"
    assert failure.is_lasting
    assert redis.run("GET", "a") == b"1"


def test_after_it_is_closed_it_says_so(redis):
    redis.run("PING")
    redis.close()

    assert failure_of(redis, "PING").reason == "the connection to Redis is closed"


def test_without_the_package_the_error_says_how_to_install_it(mocker):
    mocker.patch.dict(sys.modules, {"redis": None})

    with pytest.raises(UnusableError) as raised:
        Redis(RedisPlace(parse("redis://")), UnusableError)

    assert "run: pip install 'redis>=8'" in str(raised.value)


def test_the_package_is_not_imported_before_something_is_opened():
    script = (
        "import sys, butler.app, butler.sessions.redis, butler.storage.redis, butler.ops.checks;"
        "print([name for name in sys.modules if name.partition('.')[0] == 'redis'])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


async def test_a_client_for_the_event_loop_has_the_same_time_outs(server):
    place = RedisPlace(parse(server.url))
    async with open_async(place, wait_s=0.0) as client:
        assert await client.ping()
        server.pause()
        with pytest.raises(Exception, match="Timeout") as raised:
            await client.ping()

    server.resume()
    assert explain(place.address, raised.value).reason == "Redis does not answer"
