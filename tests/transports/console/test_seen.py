import logging
import sqlite3
import stat
from contextlib import closing

import pytest

from butler.errors import DataError
from butler.transports.console.seen import KEEP_S, SeenMessages

KEY = ("team@g.us", "+4915112345678", "m1")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "console.sqlite3"


@pytest.fixture
def handled(path):
    handled = SeenMessages(path)
    yield handled
    handled.close()


@pytest.mark.parametrize(
    "other",
    [("other@g.us", *KEY[1:]), (KEY[0], "1@lid", KEY[2]), (*KEY[:2], "m2"), (*KEY[:2], "M1")],
)
def test_a_message_is_known_by_chat_sender_and_id(handled, other):
    handled.add([KEY])

    assert KEY in handled
    assert other not in handled


def test_a_message_may_be_noted_twice(handled):
    handled.add([KEY, KEY])
    handled.add([KEY])

    assert KEY in handled


def test_what_one_process_noted_the_next_one_knows(path, handled):
    handled.add([KEY])

    again = SeenMessages(path)
    assert KEY in again
    again.close()


def test_the_file_is_private(path, handled):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_message_is_forgotten_after_thirty_days(path, mocker):
    clock = mocker.patch("butler.transports.console.seen.time.time", return_value=1_000.0)
    handled = SeenMessages(path)
    handled.add([KEY])
    handled.close()

    clock.return_value += KEEP_S
    handled = SeenMessages(path)
    assert KEY in handled
    clock.return_value += 1
    handled.close()

    handled = SeenMessages(path)
    assert KEY not in handled
    handled.close()


def test_a_message_that_cannot_be_noted_is_logged(path, handled, caplog):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE handled")
    db.close()

    handled.add([KEY])

    assert caplog.record_tuples == [
        (
            "butler.transports.console.seen",
            logging.ERROR,
            f"cannot save the ids of handled messages: {path} cannot be used: "
            "the database failed; SQLite says: no such table: handled.",
        )
    ]


def test_a_file_that_cannot_be_asked_is_an_error_for_the_operator(path, handled):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE handled")
    db.close()

    with pytest.raises(DataError, match=r"console\.sqlite3 cannot be used: .* no such table"):
        assert KEY in handled


def test_a_console_that_never_ends_forgets_old_keys_too(tmp_path, mocker):
    now = mocker.patch("butler.transports.console.seen.time.time", return_value=1_000_000.0)
    steady = mocker.patch("butler.transports.console.seen.boot_time", return_value=0.0)
    seen = SeenMessages(tmp_path / "seen.sqlite3")
    old, new = ("team@g.us", "4711@lid", "old"), ("team@g.us", "4711@lid", "new")
    seen.add([old])
    now.return_value += 31 * 86_400
    steady.return_value += 31 * 86_400
    seen.add([new])

    assert (old in seen, new in seen) == (False, True)
    seen.close()
