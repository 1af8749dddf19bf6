import sqlite3
from threading import Barrier

import pytest

from butler.sessions import Session, SqliteStore, StoreError
from butler.sessions.database import Database
from butler.sessions.migrations import APPLICATION_ID, MIGRATIONS

NEXT = (
    *MIGRATIONS,
    (
        "ALTER TABLE sessions ADD COLUMN mood TEXT NOT NULL DEFAULT 'good'",
        "CREATE TABLE moods (mood TEXT)",
    ),
)
BROKEN = (*MIGRATIONS, ("CREATE TABLE moods (mood TEXT)", "SELECT * FROM nowhere"))
API = Session("group", "api", "/src/api", 10.0)


@pytest.fixture
def used(path):
    """A database of the schema of today, with one session in it."""
    store = SqliteStore(path)
    store.put(API)
    store.close()
    return path


def query(path, sql):
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def change(path, *statements):
    db = sqlite3.connect(path)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


def test_a_new_database_has_the_newest_schema(used):
    assert query(used, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert query(used, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(used, "PRAGMA journal_mode") == [("wal",)]


def test_an_older_database_is_brought_to_the_newest_schema_with_all_it_holds(used):
    Database(used, migrations=NEXT).close()

    assert query(used, "PRAGMA user_version") == [(2,)]
    assert query(used, "SELECT chat_id, active_repo, mood FROM sessions") == [
        ("group", "api", "good")
    ]


def test_a_migration_is_applied_once(used):
    Database(used, migrations=NEXT).close()
    Database(used, migrations=NEXT).close()

    assert query(used, "PRAGMA user_version") == [(2,)]


def test_a_new_database_goes_through_all_migrations(path):
    Database(path, migrations=NEXT).close()

    assert query(path, "SELECT mood FROM sessions") == []


def test_a_migration_that_fails_leaves_the_database_as_it_was(used):
    before = used.read_bytes()

    with pytest.raises(StoreError, match="the database failed; SQLite says: no such table"):
        Database(used, migrations=BROKEN)

    assert used.read_bytes() == before
    store = SqliteStore(used)
    assert store.all() == [API]
    store.close()


@pytest.mark.parametrize("name", [f"{number}.db" for number in range(10)])
def test_threads_that_open_one_new_file_at_once_migrate_it_once(tmp_path, in_threads, name):
    start = Barrier(8)

    def open_and_close(_):
        start.wait(10)
        Database(tmp_path / name, migrations=NEXT).close()

    in_threads(open_and_close, 8)

    assert query(tmp_path / name, "PRAGMA user_version") == [(2,)]


def test_a_database_in_another_journal_mode_is_switched_back(used):
    change(used, "PRAGMA journal_mode = DELETE")

    store = SqliteStore(used)

    assert store.all() == [API]
    store.close()
    assert query(used, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["PRAGMA user_version = 99"], "it was written by a newer Butler"),
        (["PRAGMA application_id = 7"], "it belongs to another program"),
        (["PRAGMA application_id = 0"], "it belongs to another program"),
    ],
)
def test_a_database_that_is_newer_or_not_ours_is_refused_and_left_as_it_is(
    used, statements, reason
):
    change(used, *statements)
    before = used.read_bytes()

    with pytest.raises(StoreError, match=reason) as caught:
        SqliteStore(used)

    assert caught.value.reason == reason
    assert str(used) in str(caught.value)
    assert used.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_left_as_it_is(path):
    change(path, "CREATE TABLE songs (title TEXT)")
    before = path.read_bytes()

    with pytest.raises(StoreError, match="it belongs to another program; name another file"):
        SqliteStore(path)

    assert path.read_bytes() == before


def test_a_file_system_without_shared_memory_is_refused(path, mocker):
    mocker.patch("butler.sessions.migrations._switch_to_wal", return_value="delete")

    with pytest.raises(StoreError, match="its file system is not fit for it; choose a local disk"):
        SqliteStore(path)


def test_the_switch_to_wal_waits_for_other_connections_and_not_for_ever(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreError, match="another process keeps the database locked"):
        Database(path, patience_s=0.05)

    db.close()
