"""The contract of SessionStore, for every store there is."""

import pytest

from butler.sessions import Session
from butler.sessions.redis import RedisStore

API = Session("group", "api", "/src/api", 10.0)
WEB = Session("group", "web", "/src/web", 20.0)
NONE = Session("other", None, None, 15.0)

LATIN_1 = b"/src/caf\xe9".decode(errors="surrogateescape")


def test_there_is_no_session_at_first(store):
    assert store.get("group") is None
    assert store.all() == []
    assert store.count() == 0


def test_what_is_put_is_kept(store):
    assert store.put(API) is None
    assert store.put(NONE) is None

    assert store.get("group") == API
    assert store.get("other") == NONE
    assert sorted(store.all(), key=lambda session: session.chat_id) == [API, NONE]


def test_put_replaces_the_session_of_the_chat_and_returns_it(store):
    store.put(API)

    assert store.put(WEB) == API

    assert store.all() == [WEB]


def test_delete_returns_what_it_forgot(store):
    store.put(API)

    assert store.delete("group") == API
    assert store.delete("group") is None

    assert store.get("group") is None


@pytest.mark.parametrize(("until", "deleted"), [(9.9, None), (10.0, API), (10.1, API)])
def test_delete_spares_a_session_used_later(store, until, deleted):
    store.put(API)

    assert store.delete("group", until=until) == deleted


def test_touch_sets_the_time_of_a_session_and_nothing_else(store):
    store.put(API)

    assert store.touch("group", 30.0)

    assert store.get("group") == Session("group", "api", "/src/api", 30.0)


def test_touch_creates_no_session(store):
    assert not store.touch("group", 30.0)

    assert store.get("group") is None


@pytest.mark.parametrize(("after", "is_touched"), [(9.9, True), (10.0, False)])
def test_touch_leaves_a_session_not_used_lately(store, after, is_touched):
    store.put(API)

    assert store.touch("group", 30.0, after=after) is is_touched


@pytest.mark.parametrize(
    ("limit", "offset", "chat_ids"),
    [(2, 0, "da"), (2, 1, "ab"), (9, 0, "dabc"), (9, 3, "c"), (9, 4, ""), (0, 0, "")],
)
def test_recent_sessions_come_most_recent_first_and_then_by_chat_id(store, limit, offset, chat_ids):
    for chat_id, time in [("c", 1.0), ("b", 2.0), ("a", 2.0), ("d", 3.0)]:
        store.put(Session(chat_id, "api", "/src/api", time))

    recent = store.recent(limit, offset)

    assert "".join(session.chat_id for session in recent) == chat_ids


def test_sessions_not_used_after_a_time_are_left_out(store):
    store.put(API)
    store.put(NONE)

    assert store.all(after=10.0) == [NONE]
    assert store.recent(9, after=10.0) == [NONE]
    assert store.count(after=10.0) == 1
    assert list(store.idle(10.0)) == ["group"]


def test_idle_chats_can_be_deleted_while_they_are_listed(store):
    chat_ids = {"", "\0", "é", "é\udce9", *map(str, range(2_500))}
    for chat_id in chat_ids:
        store.put(Session(chat_id, "api", "/src/api", 1.0))

    deleted = [chat_id for chat_id in store.idle(1.0) if store.delete(chat_id)]

    assert sorted(deleted) == sorted(chat_ids)
    assert store.count() == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ä",
        "👩🏽\u200d💻",
        "a\0b",
        "\ufffd",
        LATIN_1,
        chr(0xD83D),
        "'; DROP TABLE sessions; --",
        "x" * 99_999,
    ],
    ids=ascii,
)
def test_any_text_is_kept_as_it_is(store, text):
    session = Session(text, text, text, 1.0)
    store.put(session)

    assert store.get(text) == session
    assert store.all() == [session]
    assert store.recent(1) == [session]
    assert list(store.idle(1.0)) == [text]
    assert store.delete(text) == session


def test_a_surrogate_in_one_value_leaves_the_others_alone(store):
    session = Session("group", None, LATIN_1, 1.0)
    store.put(session)

    assert store.get("group") == session


def test_a_whole_number_is_a_time(store):
    store.put(Session("group", "api", "/src/api", 5))

    assert store.get("group").last_command_time == 5.0


def test_a_store_that_may_have_to_wait_for_a_network_says_so(store):
    assert store.is_remote is isinstance(store, RedisStore)


def test_closing_twice_is_fine(store):
    store.close()
    store.close()
