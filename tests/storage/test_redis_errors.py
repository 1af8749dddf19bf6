"""Every mistake that real servers answer, in one sentence."""

import errno
import socket
import traceback
from contextlib import suppress
from threading import Thread

import pytest
from redis.exceptions import ResponseError

import redis_servers
from butler.storage.redis import Redis, Script, open_async
from butler.storage.redis_errors import RedisFailure, explain
from butler.storage.redis_url import RedisPlace, parse
from redis_certificates import write_certificates
from redis_servers import REDIS, Server, free_port

pytestmark = redis_servers.needs_redis


class UnusableError(Exception):
    """What the caller of `Redis` has it raise."""

    def __init__(self, failure: RedisFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@pytest.fixture
def start(tmp_path):
    """Start a Redis with these settings."""
    started = []

    def start(*settings, **options):
        server = Server(tmp_path / str(len(started)), *settings, program=REDIS, **options)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def failure():
    """Return why a command cannot be run at a URL."""

    def failure(url, *command, ca_file=None, script=None, keys=()):
        redis = Redis(RedisPlace(parse(url), ca_file=ca_file), UnusableError)
        with pytest.raises(UnusableError) as raised:
            redis.run_script(script, keys) if script else redis.run(*command or ["PING"])
        redis.close()
        return raised.value.failure

    return failure


@pytest.mark.parametrize("user", ["default:wrong", "nobody:secret", ":wrong"])
def test_a_wrong_password(start, failure, user):
    server = start("requirepass secret")

    found = failure(server.url.replace("//", f"//{user}@"))

    assert (found.reason, found.remedy) == (
        "Redis refuses the user or the password",
        "correct them in redis.url",
    )
    assert found.is_lasting
    assert "secret" not in str(found)


def test_no_error_and_no_log_has_the_password(start, caplog):
    caplog.set_level("DEBUG")
    place = RedisPlace(parse(start().url.replace("//", "//bot:s3cr%20t@")))
    redis = Redis(place, UnusableError)

    with pytest.raises(UnusableError) as raised:
        redis.run("PING")

    said = "".join(traceback.format_exception(raised.value))
    assert "s3cr" not in f"{said}{caplog.text}{raised.value.failure!r}{place!r}{redis!r}"
    redis.close()


def test_a_password_that_is_missing(start, failure):
    assert failure(start("requirepass secret").url).reason == "Redis asks for a password"


def test_a_password_for_a_user_without_one(start, failure):
    found = failure(start().url.replace("//", "//:secret@"))

    assert found.reason == "Redis has no password for this user"


def test_tls_to_a_plain_port(start, failure):
    found = failure(start().url.replace("redis://", "rediss://"))

    assert found.reason == "Redis does not answer by TLS"
    assert found.remedy == "look whether it is stopped, or its port speaks no TLS"


def test_tls(start, tmp_path, failure):
    ca_file, settings = write_certificates(tmp_path / "certificates")
    port = free_port()
    start(f"tls-port {port}", *settings)
    url = f"rediss://127.0.0.1:{port}"

    redis = Redis(RedisPlace(parse(url), ca_file=ca_file), UnusableError)
    assert redis.run("PING") == b"PONG"
    redis.close()

    assert failure(url).reason.startswith("the certificate of Redis is not accepted (")
    assert failure(url).remedy.startswith("name its authority in redis.ca_file")
    wrong = failure(url.replace("127.0.0.1", "localhost"), ca_file=ca_file)
    assert wrong.reason.startswith("the certificate of Redis is not accepted (")
    plain = failure(url.replace("rediss", "redis"))
    assert plain.reason == "Redis closes the connection"
    assert "to a port that speaks TLS write rediss://" in plain.remedy


def test_a_ca_file_that_is_not_one(tmp_path):
    not_pem = tmp_path / "not.pem"
    not_pem.write_text("secret")

    for path in (tmp_path / "gone.pem", not_pem):
        with pytest.raises(UnusableError, match=r"redis\.ca_file cannot be read"):
            Redis(RedisPlace(parse("rediss://127.0.0.1"), ca_file=path), UnusableError)


def test_a_replica(start, failure):
    primary = start()
    replica = start(f"replicaof 127.0.0.1 {primary.port}")

    found = failure(replica.url, "SET", "a", "1")

    assert found.reason == "Redis is a replica, which takes no changes"
    assert found.remedy == "name the primary, or Sentinel, in redis.url"


def test_a_cluster_of_one_node_takes_keys_with_one_tag_only(start, failure):
    server = start("cluster-enabled yes")
    server.join_cluster()
    two = Script("redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 1)")

    found = failure(server.url, script=two, keys=[b"a", b"b"])

    assert found.reason == "the keys do not lie in one slot of the cluster"
    assert failure(f"{server.url}/1").reason == "a cluster has only database 0"


def test_a_node_of_a_larger_cluster(start, failure):
    server = start("cluster-enabled yes")

    assert failure(server.url, "GET", "a").reason == "Redis is one of several nodes of a cluster"


def test_another_programs_key(start, failure):
    server = start()
    server.say("SET", "a", "1")

    found = failure(server.url, script=Script("return redis.call('HGET', 'a', 'b')"))

    assert found.reason == "another program keeps something else under these keys"
    assert found.remedy == "choose another redis.name"


def test_a_full_memory(start, failure):
    server = start("maxmemory 1", "maxmemory-policy noeviction")

    for found in (
        failure(server.url, "SET", "a", "1"),
        failure(server.url, script=Script("redis.call('SET', 'a', '1')")),
    ):
        assert found.reason == "the memory of Redis is full"
        assert found.remedy == "raise its maxmemory or free some"
        assert not found.is_lasting


def test_data_that_are_still_being_loaded(start, failure):
    server = start("key-load-delay 10000", "loading-process-events-interval-bytes 1024")
    for number in range(1_000):
        server.say("SET", number, "x" * 100)
    server.say("SAVE")
    server.kill()
    server.start(is_ready=False)

    assert failure(server.url).reason == "Redis is still loading its data"


def test_too_few_replicas(start, failure):
    found = failure(start("min-replicas-to-write 1").url, "SET", "a", "1")

    assert found.reason == "too few replicas are connected to Redis"


def test_rights_that_are_missing(start, failure):
    server = start("user bot on >secret ~allowed:* +set +time")
    url = server.url.replace("//", "//bot:secret@")

    assert failure(url, "INFO").reason == "the user of Redis may not run INFO"
    assert failure(url, "SET", "a", "1").reason == "the user of Redis may not use these keys"


def test_a_database_that_is_not_there(start, failure):
    assert failure(f"{start().url}/99").reason == "Redis has no database of this number"


def test_too_many_clients(start, failure):
    server = start("maxclients 1")
    with server.client(single_connection_client=True) as client:
        client.ping()

        assert failure(server.url).reason == "Redis has too many clients"


def test_a_server_that_accepts_nobody_from_other_machines():
    error = ResponseError("DENIED Redis is running in protected mode because …")

    found = explain(parse("redis://db"), error)

    assert found.reason == "Redis accepts nobody from other machines"


async def test_sentinel_is_asked_for_the_primary_from_threads_and_from_the_event_loop(start):
    primary = start("requirepass secret", password="secret")
    asked = start(
        f"sentinel monitor butler 127.0.0.1 {primary.port} 1",
        "sentinel auth-pass butler secret",
        "requirepass other",
        is_sentinel=True,
    )
    url = f"redis+sentinel://:secret@127.0.0.1:{asked.port}/butler/2?sentinel_password=other"
    place = RedisPlace(parse(url))

    redis = Redis(place, UnusableError)
    redis.run("SET", "a", "1")
    async with open_async(place) as client:
        assert await client.get("a") == b"1"

    assert redis.run("GET", "a") == b"1"
    redis.close()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("127.0.0.1:{}/other?sentinel_password=other", "Sentinel names no primary"),
        ("127.0.0.1:{}/butler", "Sentinel names no primary"),
        ("127.0.0.1:1/butler?sentinel_password=other", "Sentinel names no primary"),
    ],
)
def test_sentinels_that_name_no_primary(start, failure, place, reason):
    asked = start("sentinel monitor butler 127.0.0.1 1 1", "requirepass other", is_sentinel=True)

    assert failure(f"redis+sentinel://{place.format(asked.port)}").reason == reason


def test_a_host_that_is_unknown(failure):
    assert failure("redis://host.invalid").reason == "Redis cannot be reached (unknown host)"


def test_a_socket_that_is_not_there(failure, tmp_path):
    found = failure(f"unix://{tmp_path}/redis.sock")

    assert found.reason == "Redis cannot be reached (no such socket)"


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        ("redis", "what answers there is not Redis"),
        ("rediss", "the port of Redis does not speak TLS"),
    ],
)
def test_a_port_of_something_else(failure, scheme, reason):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            with suppress(OSError):  # once it is closed
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65_536)
                        connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        Thread(target=greet, daemon=True).start()
        found = failure(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread

    assert found.reason == reason


def test_what_a_server_says_is_shown_on_one_line_and_shortened():
    error = OSError(errno.ENOMEM, "line\nbreak\x1b[31m" + "x" * 500)

    found = explain(parse("redis://"), error)

    assert found.reason == "Redis failed"
    assert "\n" not in found.remedy
    assert "\x1b" not in found.remedy
    assert len(found.remedy) < 250
