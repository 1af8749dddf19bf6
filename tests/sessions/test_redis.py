"""What is special to sessions in Redis; test_store.py has what holds for every store."""

import json
import logging

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from butler.sessions import MemoryStore, Session, SessionManager, SqliteStore, StoreError
from butler.sessions import redis as redis_sessions
from butler.sessions.redis import RedisStore
from butler.storage.redis import Script
from butler.storage.redis_url import RedisPlace, parse
from redis_servers import Server

API = Session("group", "api", "/src/api", 10.0)
KEYS = (b"{butler:butler}:sessions:+49", b"{butler:butler}:recent:+49")


@pytest.fixture
def place(places):
    return places("valkey")


@pytest.fixture
def server(place, servers):
    return servers("valkey")


@pytest.fixture
def store(place):
    store = RedisStore(place, "+49")
    yield store
    store.close()


class Stores(RuleBasedStateMachine):
    """Does the same to a store in Redis, to one in SQLite and to one in memory."""

    place: RedisPlace
    new_path: staticmethod

    chats = st.sampled_from(["a", "b", "ä", "", "\0", "\udce9", "b\n", "[", "x" * 300])
    texts = st.none() | st.text(max_size=20) | st.sampled_from(["\ud83d", "\0", '",]', "/src/api"])
    times = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
        [1.0, 2.0, 0.1 + 0.2]
    )
    bounds = times | st.sampled_from([float("inf"), float("-inf")])

    @initialize()
    def open(self):
        self.redis = RedisStore(self.place, "+49")
        self.redis._redis.run("FLUSHALL")
        self.sqlite = SqliteStore(self.new_path())
        self.memory = MemoryStore()

    def teardown(self):
        if hasattr(self, "redis"):
            self.redis.close()
            self.sqlite.close()

    def agree(self, method, *args, by=lambda answer: answer, **options):
        redis, sqlite, memory = (
            by(getattr(store, method)(*args, **options))
            for store in (self.redis, self.sqlite, self.memory)
        )
        assert redis == memory
        assert sqlite == memory

    @rule(chat=chats, name=texts, path=texts, time=times)
    def put(self, chat, name, path, time):
        self.agree("put", Session(chat, name, path, time))

    @rule(chat=chats, time=times, after=bounds)
    def touch(self, chat, time, after):
        self.agree("touch", chat, time, after=after)

    @rule(chat=chats, until=bounds)
    def delete(self, chat, until):
        self.agree("delete", chat, until=until)

    @rule(chat=chats)
    def get(self, chat):
        self.agree("get", chat)

    @rule(limit=st.integers(0, 9), offset=st.integers(0, 9), after=bounds)
    def recent(self, limit, offset, after):
        self.agree("recent", limit, offset, after=after)

    @rule(after=bounds)
    def count(self, after):
        self.agree("count", after=after)

    @rule(until=bounds)
    def idle(self, until):
        self.agree("idle", until, by=sorted)

    @invariant()
    def all(self):
        if hasattr(self, "redis"):
            self.agree("all", by=sorted_by_chat)


def sorted_by_chat(sessions):
    return sorted(sessions, key=lambda session: session.chat_id)


def test_the_store_does_what_the_others_do(place, tmp_path):
    numbers = iter(range(1_000_000))
    machine = type(
        "Stores",
        (Stores,),
        {"place": place, "new_path": staticmethod(lambda: tmp_path / f"{next(numbers)}.db")},
    )
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)

    machine.TestCase("runTest").runTest()


def test_sessions_are_a_hash_and_a_sorted_set_in_one_slot(server, store):
    store.put(API)

    assert server.say("HGETALL", KEYS[0]) == {b"group": b'["api", "/src/api", 10.0]'}
    assert server.say("ZRANGE", KEYS[1], 0, -1, "WITHSCORES") == [[b"group", -10.0]]
    assert sorted(server.say("KEYS", "*")) == sorted(KEYS)


def test_no_key_expires_by_itself(server, store):
    store.put(API)
    store.touch("group", 20.0)

    assert [server.say("TTL", key) for key in KEYS] == [-1, -1]


def test_accounts_and_names_do_not_share_sessions(place, store):
    others = [
        RedisStore(place, "+43"),
        RedisStore(RedisPlace(place.address, "team"), "+49"),
    ]

    store.put(API)

    for other in others:
        assert (other.get("group"), other.all(), other.count()) == (None, [], 0)
        other.close()


def test_machines_see_each_others_changes_at_once(place, store):
    other = RedisStore(place, "+49")

    store.put(API)

    assert other.touch("group", 30.0)
    assert store.get("group") == Session("group", "api", "/src/api", 30.0)
    other.close()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "null",
        "[]",
        '["api", "/src/api"]',
        '["api", "/src/api", "10"]',
        '["api", "/src/api", true]',
        '["api", "/src/api", NaN]',
        '[["api"], "/src/api", 10.0]',
        '["api", "/src/api", 10.0], ["x"',
        '{"repo": "api"}',
        "[" * 5_000,
        b"\xff",
        '["api", "/src/api", 10.0],["web", "/src/web", 10.0]',
        '["api", "/src/api", 10]',
        "1" * 5_000,
        "x" * 1_000_001,
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_no_session_counts_as_none_and_can_be_replaced(server, store, caplog, value):
    store.put(Session("other", "web", "/src/web", 20.0))
    store.put(API)
    server.say("HSET", KEYS[0], "group", value)

    assert store.get("group") is None
    assert [each.chat_id for each in store.all()] == ["other"]
    assert [each.chat_id for each in store.recent(9)] == ["other"]
    assert store.put(API) is None

    assert store.get("group") == API
    assert store.delete("group") == API


def test_what_is_no_session_is_logged_once_and_never_shown(server, store, caplog):
    store.put(API)
    server.say("HSET", KEYS[0], "group", '"secret"')

    store.get("group")
    store.get("group")

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message == "what Redis keeps for the chat 'group' is not a session"


def test_a_chat_that_is_no_text_is_listed_and_never_purged(server, store):
    store.put(API)
    server.say("HSET", KEYS[0], b"\xff", json.dumps(["web", "/src/web", 20.0]))
    server.say("ZADD", KEYS[1], -1.0, b"\xff")

    assert store.all() == [API, Session("\ufffd", "web", "/src/web", 20.0)]
    assert list(store.idle(30.0)) == ["group"]


def test_a_session_that_stands_in_one_of_the_two_only_can_be_deleted(server, store):
    server.say("HSET", KEYS[0], "hash", '["api", "/src/api", 10.0]')
    server.say("ZADD", KEYS[1], -10.0, "set")

    assert store.delete("hash", until=5.0) == Session("hash", "api", "/src/api", 10.0)
    assert store.delete("set") is None

    assert server.say("DBSIZE") == 0


def test_more_sessions_than_can_be_listed_are_an_error(store, mocker):
    limit = str(redis_sessions.MAX_LIST_BYTES)
    assert limit in redis_sessions._LIST.text
    smaller = Script(redis_sessions._LIST.text.replace(limit, "500"))
    mocker.patch.object(redis_sessions, "_LIST", smaller)
    for number in range(30):
        store.put(Session(f"{number}@g.us", "api", "/src/api", 1.0))

    with pytest.raises(StoreError, match="there are too many sessions"):
        store.all()

    assert len(store.recent(10)) == 10


def test_a_session_too_long_to_be_read_again_is_not_put(store):
    with pytest.raises(StoreError) as raised:
        store.put(Session("group", "api", "x" * 1_000_000, 1.0))

    assert raised.value.reason == "it is too long"
    assert store.get("group") is None


def test_another_programs_keys_are_left_as_they_are(server, store):
    server.say("SET", KEYS[1], "precious")

    with pytest.raises(StoreError) as raised:
        store.put(API)

    assert raised.value.reason == (
        "another program keeps something else under these keys, so nothing was changed"
    )
    assert raised.value.is_lasting
    assert server.say("GET", KEYS[1]) == b"precious"
    assert store.get("group") is None


def test_many_sessions_are_listed_in_pages_of_the_script(store):
    for number in range(2_500):
        store.put(Session(f"chat {number:04}", "api", "/src/api", float(number)))

    assert [each.last_command_time for each in store.recent(9_999)] == list(range(2_499, -1, -1))
    assert [each.chat_id for each in store.recent(2, 1_500)] == ["chat 0999", "chat 0998"]


@pytest.fixture
def durable(tmp_path):
    server = Server(tmp_path, "appendonly yes").start()
    yield server
    server.kill()


def test_away_it_says_that_nothing_was_changed_and_back_it_works(durable):
    server = durable
    sessions = SessionManager(RedisStore(RedisPlace(parse(server.url)), "+49"))
    sessions.set_active_repo("group", "api", "/src/api")
    server.kill()

    for act in (sessions.get_session, sessions.clear_session, sessions.touch):
        with pytest.raises(StoreError) as raised:
            act("group")
        assert (
            raised.value.reason
            == "Redis cannot be reached (connection refused), so nothing was changed"
        )

    server.start()
    sessions._store._redis._again_at = 0.0
    assert sessions.get_active_repo("group") == ("api", "/src/api")
    sessions.close()
