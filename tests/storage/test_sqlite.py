import os
import sqlite3
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest

from butler.errors import DataError
from butler.storage.migrations import run_script
from butler.storage.rows import ROWS_AT_A_TIME, insert_rows
from butler.storage.sqlite import Database

NOTES = "CREATE TABLE notes (text TEXT, number REAL)"
NEXT = (
    NOTES,
    """
    ALTER TABLE notes ADD COLUMN mood TEXT NOT NULL DEFAULT 'good; indeed';
    CREATE TABLE moods (mood TEXT);
    """,
)
BROKEN = (NOTES, "CREATE TABLE moods (mood TEXT); SELECT * FROM nowhere")
PATIENCE_S = 60
ADD = "INSERT INTO notes (text) VALUES (?)"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "notes.sqlite3"


@pytest.fixture
def opened():
    """Open a database, by default of the first schema; it is closed at the end."""
    databases = []

    def open_one(path, migrations=(NOTES,), **options):
        databases.append(Database(path, migrations, raises=DataError, **options))
        return databases[-1]

    yield open_one
    for database in databases:
        database.close()


@pytest.fixture
def database(opened, path):
    return opened(path)


@pytest.fixture
def used(path):
    """A file of the first schema with one note in it, closed."""
    with closing(Database(path, (NOTES,), raises=DataError)) as database:
        database.change(ADD, ("kept",))
    return path


def query(path, sql):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def test_a_new_file_is_in_wal_mode_of_the_newest_schema_and_private(path, opened):
    opened(path / "deeper" / "notes", NEXT, application_id=7, page_bytes=1024).change(ADD, ("a",))

    file = path / "deeper" / "notes"
    assert [
        query(file, f"PRAGMA {name}")
        for name in ("user_version", "application_id", "journal_mode", "page_size")
    ] == [[(2,)], [(7,)], [("wal",)], [(1024,)]]
    assert {stat.S_IMODE(each.stat().st_mode) for each in file.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_an_older_file_is_brought_to_the_newest_schema_once_with_all_it_holds(used, opened):
    for _ in range(2):
        opened(used, NEXT).close()

    assert query(used, "PRAGMA user_version") == [(2,)]
    assert query(used, "SELECT text, mood FROM notes") == [("kept", "good; indeed")]


def test_a_migration_may_look_at_what_is_there(used, opened):
    def number_the_notes(db):
        for row, (text,) in enumerate(db.execute("SELECT text FROM notes").fetchall()):
            db.execute("UPDATE notes SET number = ? WHERE text = ?", (row, text))

    opened(used, (NOTES, number_the_notes))

    assert query(used, "SELECT * FROM notes") == [("kept", 0.0)]


def test_a_migration_that_fails_leaves_the_file_as_it_was(used, opened):
    before = used.read_bytes()

    with pytest.raises(DataError, match="the database failed; SQLite says: no such table"):
        opened(used, BROKEN)

    assert used.read_bytes() == before
    assert opened(used).read("SELECT text FROM notes") == [("kept",)]


def test_many_that_open_one_new_file_at_once_migrate_it_once(path, opened):
    start = Barrier(8)

    def open_and_add(number):
        start.wait(PATIENCE_S)
        opened(path, NEXT).change(ADD, (str(number),))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(open_and_add, range(8)))

    assert query(path, "PRAGMA user_version") == [(2,)]
    assert query(path, "SELECT count(*) FROM notes") == [(8,)]


def test_a_script_is_one_transaction_with_what_is_around_it(database):
    with pytest.raises(DataError, match="nowhere"), database.transaction() as db:
        run_script(db, "CREATE TABLE a (text TEXT DEFAULT ';'); SELECT * FROM nowhere")

    assert database.read("SELECT name FROM sqlite_master WHERE name = 'a'") == []


@pytest.mark.parametrize(
    ("pragma", "reason"),
    [
        ("user_version = 99", "it was written by a newer Butler; update this one"),
        ("application_id = 7", "it belongs to another program; name another file"),
    ],
)
def test_a_file_that_is_newer_or_not_ours_is_refused_and_left_as_it_is(
    used, opened, pragma, reason
):
    query(used, f"PRAGMA {pragma}")
    before = used.read_bytes()

    with pytest.raises(DataError, match=f"{used} cannot be used: {reason}"):
        opened(used)

    assert used.read_bytes() == before


def test_a_damaged_file_that_is_checked_is_refused_before_anything_is_changed(used, opened):
    content = used.read_bytes()
    damaged = content[:4096] + b"\xff" * (len(content) - 4096)
    used.write_bytes(damaged)

    with pytest.raises(DataError, match="the database is damaged; restore a copy"):
        opened(used, NEXT, is_checked=True)

    assert used.read_bytes() == damaged


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed in /proc")
@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_CORRUPT])
def test_a_database_that_cannot_be_opened_leaves_no_file_open(path, opened, mocker, code):
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    mocker.patch("butler.storage.migrations._try_to_write", side_effect=error)

    with pytest.raises(DataError):
        opened(path)

    assert str(path) not in [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]


def test_a_file_system_without_shared_memory_is_refused(path, opened, mocker):
    mocker.patch("butler.storage.migrations._switch_to_wal", return_value="delete")

    with pytest.raises(
        DataError, match="its file system does not support WAL; choose a local disk"
    ):
        opened(path)


def test_the_switch_to_wal_waits_for_other_connections_and_not_for_ever(path, opened):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")

        with pytest.raises(DataError, match="another process keeps the database locked"):
            opened(path, patience_s=0.05)


def test_a_lock_held_for_ever_is_one_sentence_and_hurts_no_later_change(path, opened):
    database = opened(path, patience_s=0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(DataError, match="another process keeps the database locked; find and"):
            database.write((ADD, ("late",)))

    database.write((ADD, ("in time",)))
    assert database.read("SELECT text FROM notes") == [("in time",)]


@pytest.mark.parametrize(
    "change",
    [
        lambda database: database.change(ADD, ("x" * 100_000,)),
        lambda database: database.write((ADD, ("first",)), (ADD, ("x" * 100_000,))),
    ],
)
def test_a_change_that_a_full_disk_refuses_is_undone_and_may_be_tried_again(database, change):
    ((pages,),) = database.read("PRAGMA page_count")
    database.read(f"PRAGMA max_page_count = {pages}")

    for _ in range(2):
        with pytest.raises(DataError, match="the disk is full; free some space"):
            change(database)
    assert database.read("SELECT text FROM notes") == []

    database.read("PRAGMA max_page_count = 100000")
    change(database)
    assert database.read("SELECT text FROM notes")[-1] == ("x" * 100_000,)


def test_a_transaction_is_kept_whole_or_not_at_all(database):
    with pytest.raises(DataError, match="nowhere"), database.transaction() as db:
        run_script(db, "INSERT INTO notes (text) VALUES ('half'); SELECT * FROM nowhere")
    with database.transaction() as db:
        db.execute(ADD, ("whole",))

    assert database.read("SELECT text FROM notes") == [("whole",)]


def test_no_change_is_lost_between_threads_that_read_and_then_write(database, opened, path):
    database.change("INSERT INTO notes VALUES ('count', 0)")
    start = Barrier(4)

    def count(mine):
        start.wait(PATIENCE_S)
        for _ in range(25):
            with mine.transaction() as db:
                (number,) = db.execute("SELECT number FROM notes").fetchone()
                db.execute("UPDATE notes SET number = ?", (number + 1,))

    threads = [Thread(target=count, args=(each,)) for each in (database, opened(path)) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)

    assert database.read("SELECT number FROM notes") == [(100.0,)]


def test_text_that_sqlite_refuses_is_stored_as_the_database_says(database, opened, tmp_path):
    exact = opened(tmp_path / "exact", storable=lambda text: text.encode(errors="surrogatepass"))
    for each in (database, exact):
        each.change(ADD, ("half a \udc80 pair",))
        each.change(ADD, ("é🙂",))

    assert database.read("SELECT text FROM notes") == [("half a ? pair",), ("é🙂",)]
    assert exact.read("SELECT text FROM notes") == [(b"half a \xed\xb2\x80 pair",), ("é🙂",)]


def test_a_closed_database_says_so(database, path):
    database.close()

    with pytest.raises(DataError, match=f"{path} cannot be used: the database is closed; open it"):
        database.read("SELECT 1")


def test_the_log_of_changes_has_its_size(path, opened):
    database = opened(path, max_log_bytes=40_960)

    assert database.read("PRAGMA journal_size_limit") == [(40_960,)]
    assert database.read("PRAGMA wal_autocheckpoint") == [(10,)]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, []), (1, [1]), (7, [4, 2, 1]), (2 * ROWS_AT_A_TIME + 8, [*[ROWS_AT_A_TIME] * 2, 8])],
)
def test_rows_are_inserted_in_order_many_at_a_time(database, count, sizes):
    rows = [(str(number), number / 2) for number in range(count)]
    with database.transaction() as db:
        statements = []
        db.set_trace_callback(statements.append)

        insert_rows(db, "INSERT INTO notes", rows)

        assert [each.count("(") for each in statements] == sizes
        assert list(db.execute("SELECT * FROM notes ORDER BY rowid")) == rows


def test_a_row_that_sqlite_takes_no_text_of_leaves_the_others_as_they_are(database):
    with database.transaction() as db:
        insert_rows(db, "INSERT INTO notes", [("é🙂", 1.5), ("half a \udc80 pair", 2.5)])

        found = list(db.execute("SELECT * FROM notes ORDER BY rowid"))
    assert found == [("é🙂", 1.5), ("half a ? pair", 2.5)]
