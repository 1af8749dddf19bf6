"""Chats that cannot be written to for now."""

import pytest

from butler.transports.whatsapp.journal import set_aside
from butler.transports.whatsapp.journal.database import Journal

CHAT = "1@g.us"


@pytest.fixture
def now(mocker):
    return mocker.patch.object(set_aside.time, "time", return_value=1_000_000.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite3"


def test_each_attempt_sets_a_chat_aside_for_twice_as_long_up_to_a_quarter_of_an_hour(path, now):
    with Journal(path) as journal:
        waits = []
        for _ in range(8):
            journal.set_aside.add(CHAT)
            waits.append(journal.set_aside.wait_s(CHAT))

    assert waits == [15, 30, 60, 120, 240, 480, 900, 900]


def test_the_next_gateway_knows_them(path, now):
    with Journal(path) as journal:
        journal.set_aside.add(CHAT)
    now.return_value += 5

    with Journal(path) as journal:
        assert journal.set_aside.chats == (CHAT,)
        assert journal.set_aside.wait_s(CHAT) == 10
        assert journal.set_aside.wait_s("2@g.us") == 0


def test_a_chat_that_was_written_to_is_forgotten(path, now):
    with Journal(path) as journal:
        journal.set_aside.add(CHAT)
        assert journal.set_aside.remove(CHAT)
        assert not journal.set_aside.remove(CHAT)
    with Journal(path) as journal:
        assert journal.set_aside.chats == ()


def test_a_clock_that_was_put_back_sets_nobody_aside_for_longer(path, now):
    with Journal(path) as journal:
        journal.set_aside.add(CHAT)
        now.return_value -= 86_400

        assert journal.set_aside.wait_s(CHAT) == 0


@pytest.mark.parametrize(
    ("later_s", "is_lately"), [(0, True), (59, True), (61, False), (-61, False)]
)
def test_a_chat_that_was_set_aside_is_news_for_a_minute(path, now, later_s, is_lately):
    with Journal(path) as journal:
        assert not journal.set_aside.has_lately_added()
        journal.set_aside.add(CHAT)
    now.return_value += later_s

    with Journal(path) as journal:
        assert journal.set_aside.has_lately_added() is is_lately
