"""`butler check` on real servers."""

import pytest

import redis_servers
from butler.app import read_setup
from butler.ops.checks import findings
from butler_process import write_config
from redis_servers import REDIS, VALKEY, Server

RIGHTS = redis_servers.RIGHTS


@pytest.fixture
def start(tmp_path):
    started = []

    def start(*settings, program=VALKEY):
        started.append(Server(tmp_path / f"server{len(started)}", *settings, program=program))
        return started[-1].start()

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def lines(tmp_path):
    """Return the lines about Redis and sessions of a configuration with this URL."""

    def lines(url, more=""):
        (tmp_path / "config.toml").touch(0o600)
        config = write_config(
            tmp_path, f'[sessions]\nstore = "redis"\n[redis]\nurl = "{url}"\n{more}'
        )
        found = findings(read_setup(config))
        return [(each.word, each.detail) for each in found if each.subject in ("redis", "sessions")]

    return lines


def test_a_server_that_keeps_what_it_is_told(start, lines):
    server = start("appendonly yes")

    assert lines(server.url) == [
        ("ok", f"Valkey 9.1.2 at 127.0.0.1:{server.port}"),
        ("ok", "0 in the redis store"),
    ]
    assert server.say("DBSIZE") == 0


@redis_servers.needs_redis
def test_debians_redis_in_a_cluster_of_one_node(start, lines):
    server = start("cluster-enabled yes", "appendonly yes", program=REDIS)
    server.join_cluster()

    (first, *_) = lines(server.url)

    assert first[0] == "ok"
    assert first[1].startswith("Redis 7.0.")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ([], ("note", "it loses the latest sessions when it crashes; set appendonly yes")),
        (
            ["maxmemory 100mb", "maxmemory-policy allkeys-lru"],
            (
                "WRONG",
                "it deletes sessions when its memory is full (allkeys-lru); "
                "set maxmemory-policy noeviction",
            ),
        ),
    ],
)
def test_settings_by_which_sessions_get_lost(start, lines, settings, line):
    assert line in lines(start(*settings).url)


def test_replicas_that_need_not_have_what_is_acknowledged(start, lines):
    server = start()
    replica = start(f"replicaof 127.0.0.1 {server.port}")
    replica.wait_until_it_says("INFO", "replication", text="master_link_status:up")

    said = "a failover may lose the latest sessions; set min-replicas-to-write 1"
    assert ("note", said) in lines(server.url)


def test_a_user_with_the_rights_that_are_needed(start, lines):
    server = start("appendonly yes", f"user bot on >secret {RIGHTS}")

    assert lines(server.url.replace("//", "//bot:secret@")) == [
        ("ok", f"Valkey 9.1.2 at 127.0.0.1:{server.port}"),
        ("ok", "0 in the redis store"),
    ]


def test_a_user_who_may_not_look_at_the_settings(start, lines):
    server = start(f"user bot on >secret {RIGHTS} -info")

    assert lines(server.url.replace("//", "//bot:secret@")) == [
        (
            "note",
            f"127.0.0.1:{server.port}: its user may not run INFO, "
            "so version, appendonly and maxmemory were not looked at",
        ),
        ("ok", "0 in the redis store"),
    ]


@pytest.mark.parametrize("right", ["hset", "zadd", "zscore", "hdel", "zscan", "zcount", "hmget"])
def test_a_right_that_is_missing_is_named(start, lines, right):
    server = start(f"user bot on >secret {RIGHTS} -{right}")

    (line, *_) = lines(server.url.replace("//", "//bot:secret@"))

    assert line == (
        "WRONG",
        f"Redis at 127.0.0.1:{server.port} cannot be used: the user of Redis may not run "
        f"{right.upper()}; extend its rights by ACL SETUSER.",
    )


def test_keys_that_are_not_for_butler(start, lines):
    server = start(f"user bot on >secret ~other:* {RIGHTS.partition(' ')[2]}")

    (line, *_) = lines(server.url.replace("//", "//bot:secret@"))

    assert "the user of Redis may not use these keys" in line[1]


def test_each_mistake_is_one_line_without_the_password(start, lines):
    server = start("requirepass secret")

    assert lines(server.url.replace("//", "//:wrong-one@")) == [
        (
            "WRONG",
            f"Redis at 127.0.0.1:{server.port} cannot be used: Redis refuses the user or the "
            "password; correct them in redis.url.",
        )
    ]


@redis_servers.needs_redis
def test_data_that_are_still_being_loaded_and_a_port_without_tls(start, lines):
    settings = ("key-load-delay 10000", "loading-process-events-interval-bytes 1024")
    server = start(*settings, program=REDIS)
    plain = lines(server.url.replace("redis://", "rediss://"))
    for number in range(1_000):
        server.say("SET", number, "x" * 100)
    server.say("SAVE")
    server.kill()
    server.start(is_ready=False)
    loading = lines(server.url)

    at = f"Redis at 127.0.0.1:{server.port} cannot be used:"
    assert plain == [
        (
            "WRONG",
            f"{at} Redis does not answer by TLS; "
            "look whether it is stopped, or its port speaks no TLS.",
        )
    ]
    assert loading == [("WRONG", f"{at} Redis is still loading its data; wait until it is done.")]


@redis_servers.needs_redis
def test_one_of_several_nodes_of_a_cluster(start, lines):
    (line, *_) = lines(start("cluster-enabled yes", program=REDIS).url)

    assert "Redis is one of several nodes of a cluster; name a single server" in line[1]


def test_another_programs_keys(start, lines):
    server = start()
    server.say("SET", "{butler:butler}:sessions:host", "1")

    (line, *_) = lines(server.url, '[machine]\nname = "host"\n')

    assert "another program keeps something else under these keys; choose another" in line[1]


def test_a_full_memory_and_a_replica_are_found_by_trying(start, lines):
    full = start("maxmemory 1", "maxmemory-policy noeviction")
    replica = start(f"replicaof 127.0.0.1 {full.port}")

    assert "the memory of Redis is full" in lines(full.url)[0][1]
    assert "Redis is a replica, which takes no changes" in lines(replica.url)[0][1]


def test_a_version_that_is_too_old(start, lines, mocker):
    mocker.patch("butler.ops.redis_checks.OLDEST", (99, 0))

    assert lines(start().url)[0] == ("WRONG", "Valkey 9.1.2 is too old; install 6.2 or newer")


def test_another_machine_without_encryption(start, lines, mocker):
    server = start("appendonly yes")
    mocker.patch("butler.storage.redis_url.LOCAL_HOSTS", frozenset())

    said = f"127.0.0.1:{server.port} is reached without encryption; use TLS: rediss://"
    assert ("note", said) in lines(server.url)


def test_without_redis_there_is_no_line_about_it(tmp_path):
    found = findings(read_setup(write_config(tmp_path)))

    assert "redis" not in {each.subject for each in found}
