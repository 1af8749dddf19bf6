import pytest

from butler.storage.redis_url import Address, Credentials, RedisPlace, Server, parse

HERE = (Server("127.0.0.1", 6379),)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://127.0.0.1", Address(HERE)),
        ("redis://", Address((Server("localhost", 6379),))),
        ("redis://127.0.0.1:6379/3", Address(HERE, database=3)),
        ("rediss://127.0.0.1", Address(HERE, is_encrypted=True)),
        ("redis://bot:s%40cret@127.0.0.1", Address(HERE, login=Credentials("bot", "s@cret"))),
        ("redis://:secret@127.0.0.1", Address(HERE, login=Credentials(None, "secret"))),
        ("redis://[::1]:7000", Address((Server("::1", 7000),))),
        ("unix:///run/redis.sock", Address(socket="/run/redis.sock")),
        (
            "unix://bot:secret@/run/my%20redis.sock?db=2",
            Address(socket="/run/my redis.sock", database=2, login=Credentials("bot", "secret")),
        ),
        (
            "redis+sentinel://bot:secret@one:7001,two/mymaster/2?sentinel_password=other",
            Address(
                (Server("one", 7001), Server("two", 26379)),
                primary="mymaster",
                database=2,
                login=Credentials("bot", "secret"),
                sentinel_login=Credentials(None, "other"),
            ),
        ),
    ],
)
def test_a_url_says_where_redis_is_and_how_to_log_in(url, address):
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://secret@host", "expected a URL that begins with redis://"),
        ("", "expected a URL that begins with"),
        ("redis://u:secret@host:0", "expected a host such as localhost:6379"),
        ("redis://u:secret@host:99999", "expected a host such as"),
        ("redis://u:secret@ho st", "expected a host such as"),
        ("redis://u:secret#@host", "has a #; write it as %23"),
        ("redis://u:secret@host/mymaster", "expected the number of a database"),
        ("redis://u:secret@host?socket_timeout=900", "has an unknown option"),
        ("redis://u:secret@[host", "write special characters of the password as %XX"),
        ("unix://secret/run/redis.sock", "expected the path of a socket"),
        ("unix://", "expected the path of a socket"),
        ("redis+sentinel://u:secret@host", "expected the Sentinels and the name"),
        ("redis+sentinel:///mymaster", "expected the Sentinels and the name"),
        ("redis://u:secret\n@host", "printable characters"),
        ("redis://" + "secret" * 500, "at most 2,000"),
    ],
)
def test_a_wrong_url_is_described_without_showing_it(url, sentence):
    with pytest.raises(ValueError, match=r"expected|has a") as raised:
        parse(url)

    assert sentence in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://bot:secret@host:1", "host:1"),
        ("rediss://bot:secret@[::1]", "[::1]:6379"),
        ("unix://bot:secret@/run/redis.sock", "/run/redis.sock"),
        (
            "redis+sentinel://bot:secret@a,b:1/m?sentinel_password=secret",
            "m (by Sentinel at a:26379, b:1)",
        ),
    ],
)
def test_no_text_of_an_address_has_the_password(url, text):
    address = parse(url)

    assert str(address) == text
    assert "secret" not in repr(RedisPlace(address))


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("redis://localhost", True),
        ("redis://[::1]", True),
        ("unix:///run/redis.sock", True),
        ("redis://db.example.org", False),
        ("redis+sentinel://localhost,db/m", False),
    ],
)
def test_what_is_said_to_this_machine_does_not_leave_it(url, is_local):
    assert parse(url).is_local is is_local


def test_all_keys_of_a_name_lie_in_one_slot_of_a_cluster():
    place = RedisPlace(parse("redis://"), "team")

    assert place.key("sessions", "+49") == b"{butler:team}:sessions:+49"
    assert place.key("recent", "+49") == b"{butler:team}:recent:+49"
