"""The library's secrets of messages are kept for 30 days."""

import sqlite3
from contextlib import closing

import pytest

from butler.transports.whatsapp.account import CREDENTIALS
from butler.transports.whatsapp.gateway import secret_pruning
from butler.transports.whatsapp.gateway.secret_pruning import KEEP_S, prune_secrets, pruned
from butler.transports.whatsapp.journal import secret_marks
from butler.transports.whatsapp.journal.database import Journal

DAY_S = 86_400.0


@pytest.fixture
def path(tmp_path):
    path = tmp_path / CREDENTIALS
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE whatsmeow_message_secrets (message_id TEXT PRIMARY KEY, key)")
    return path


def _receive(path, count):
    with closing(sqlite3.connect(path)) as db, db:
        for _ in range(count):
            db.execute(
                "INSERT INTO whatsmeow_message_secrets VALUES (hex(randomblob(8)), randomblob(32))"
            )


def _count(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT count(*) FROM whatsmeow_message_secrets").fetchone()[0]


def test_rows_are_deleted_some_at_a_time_while_a_reader_looks(path, monkeypatch):
    monkeypatch.setattr(secret_pruning, "_ROWS_AT_A_TIME", 10)
    _receive(path, 95)
    with closing(sqlite3.connect(path)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT 1 FROM whatsmeow_message_secrets").fetchone()

        assert pruned(path, 80) == 95
    assert _count(path) == 15


def test_the_last_row_stays_so_that_no_number_is_given_twice(path):
    _receive(path, 3)

    assert pruned(path, 3) == 3
    assert _count(path) == 1


def test_without_secrets_there_is_nothing_to_prune(path):
    assert pruned(path, 10) == 0


async def test_what_is_older_than_30_days_goes_and_the_rest_stays(path, tmp_path, mocker):
    now = mocker.patch.object(secret_marks.time, "time", return_value=1_790_000_000.0)
    with Journal(tmp_path / "journal.sqlite3") as journal:
        for _ in range(15):
            _receive(path, 10)
            await prune_secrets(tmp_path, journal.secret_marks)
            now.return_value += 3 * DAY_S
        marks = journal.rows("SELECT count(*) FROM secret_marks")

    assert _count(path) == 10 * (KEEP_S / (3 * DAY_S) + 1)
    assert marks[0][0] <= KEEP_S / (3 * DAY_S) + 2


async def test_credentials_that_cannot_be_pruned_are_said_and_left(tmp_path, caplog):
    (tmp_path / CREDENTIALS).write_bytes(b"no database " * 100)
    with Journal(tmp_path / "journal.sqlite3") as journal:
        await prune_secrets(tmp_path, journal.secret_marks)

    assert "message secrets were not pruned" in caplog.text


def test_marks_of_another_account_are_forgotten(tmp_path):
    with Journal(tmp_path / "journal.sqlite3") as journal:
        journal.secret_marks.note(500)
        journal.secret_marks.note(20)

        assert journal.secret_marks.last_before(float("inf")) == 20
