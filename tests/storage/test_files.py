import os
import pwd
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from butler.errors import DataError
from butler.storage.files import (
    locked,
    open_database,
    private_file,
    private_folder,
    replace_file,
)
from butler_process import PATIENCE_S, start_butler, write_config

SCHEMA = "CREATE TABLE IF NOT EXISTS notes (text TEXT)"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_made_for_its_owner_only(tmp_path):
    folder = private_folder(tmp_path / "a" / "b")

    assert mode(folder) == 0o700


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_nothing_is_readable_by_others_whatever_the_umask(tmp_path):
    folder = private_folder(tmp_path / "a" / "b" / "c")
    replace_file(folder / "file", b"x")
    with closing(open_database(folder / "more" / "db", SCHEMA)):
        made = {each.name: mode(each) for each in (tmp_path / "a").rglob("*")}
        made["a"] = mode(tmp_path / "a")

    assert {name: bits for name, bits in made.items() if bits & 0o077} == {}
    assert made.keys() >= {"a", "b", "c", "file", "more", "db", "db-wal"}


def test_a_folder_of_another_user_is_refused_also_for_root(tmp_path, mocker):
    mine = tmp_path.stat().st_uid
    mocker.patch("butler.storage.files.os.geteuid", return_value=mine + 1)

    with pytest.raises(DataError) as refused:
        private_folder(tmp_path)

    assert str(refused.value) == (
        f"The folder {tmp_path} cannot be used: it belongs to {pwd.getpwuid(mine).pw_name}. "
        "Run Butler as that user, or choose another data_dir."
    )


def test_a_folder_of_nobody_known_is_refused(tmp_path, mocker):
    mine = tmp_path.stat().st_uid
    mocker.patch("butler.storage.files.os.geteuid", return_value=mine + 1)
    mocker.patch("butler.storage.files.pwd.getpwuid", side_effect=KeyError)

    with pytest.raises(DataError, match=f"it belongs to user {mine}"):
        private_folder(tmp_path)


def test_a_folder_that_others_could_read_is_closed_to_them(tmp_path):
    tmp_path.chmod(0o755)

    assert mode(private_folder(tmp_path)) == 0o700


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("file", "{}/file is not a folder."),
        ("file/x", "The folder {}/file/x cannot be used: Not a directory."),
        ("x" * 300, "The folder {}/" + "x" * 300 + " cannot be used: File name too long."),
    ],
)
def test_a_folder_that_cannot_be_is_one_sentence(tmp_path, path, sentence):
    (tmp_path / "file").touch()

    with pytest.raises(DataError) as refused:
        private_folder(tmp_path / path)

    assert str(refused.value) == sentence.format(tmp_path)


def test_a_file_is_made_for_its_owner_only_and_kept(tmp_path):
    private_file(tmp_path / "a").write_text("kept")

    assert private_file(tmp_path / "a").read_text() == "kept"
    assert mode(tmp_path / "a") == 0o600


def test_a_file_that_cannot_be_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"/nope/a cannot be written: No such file or directory\."):
        private_file(tmp_path / "nope" / "a")


def test_a_database_is_private_and_keeps_what_is_written(tmp_path):
    path = tmp_path / "db"
    with closing(open_database(path, SCHEMA)) as db:
        db.execute("INSERT INTO notes VALUES ('kept')")

    with closing(open_database(path, SCHEMA)) as db:
        assert db.execute("SELECT * FROM notes").fetchall() == [("kept",)]
        assert {mode(each) for each in tmp_path.glob("db*")} == {0o600}


def test_a_database_gets_the_tables_that_were_added_to_its_schema_since(tmp_path):
    with closing(open_database(tmp_path / "db", SCHEMA)) as db:
        db.execute("INSERT INTO notes VALUES ('kept')")

    added = f"{SCHEMA}; CREATE TABLE IF NOT EXISTS others (text TEXT);"
    with closing(open_database(tmp_path / "db", added)) as db:
        assert db.execute("SELECT * FROM notes").fetchall() == [("kept",)]
        assert db.execute("SELECT * FROM others").fetchall() == []


def test_many_at_once_may_be_the_first_to_open_a_database(tmp_path):
    together = threading.Barrier(8)

    def open_and_write(number):
        together.wait()
        with closing(open_database(tmp_path / "db", SCHEMA)) as db:
            db.execute("INSERT INTO notes VALUES (?)", (number,))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(open_and_write, range(8)))

    with closing(open_database(tmp_path / "db", SCHEMA)) as db:
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (8,)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"no database at all, and long enough to look at" * 9,
            "the file is not a database; move it away",
        ),
        (b"SQLite format 3\0" + b"\xff" * 100, "the file is not a database; move it away"),
    ],
)
def test_a_damaged_database_is_left_as_it_is(tmp_path, content, sentence):
    (tmp_path / "db").write_bytes(content)

    with pytest.raises(DataError, match=sentence):
        open_database(tmp_path / "db", SCHEMA)

    assert (tmp_path / "db").read_bytes() == content


def test_a_lock_that_lasts_is_one_sentence_after_a_second_at_most(tmp_path, mocker):
    mocker.patch("butler.storage.files.PATIENCE_S", 0.05)
    with (
        closing(open_database(tmp_path / "db", SCHEMA)) as db,
        closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError, match="another process keeps the database locked") as raised:
            db.execute("INSERT INTO notes VALUES ('late')")

    assert raised.value.reason == "another process keeps the database locked"


def test_damage_that_comes_later_is_one_sentence_also_amid_the_rows(tmp_path):
    path = tmp_path / "db"
    with closing(open_database(path, SCHEMA)) as db, closing(open_database(path, SCHEMA)) as other:
        other.executemany("INSERT INTO notes VALUES (?)", [("x" * 900,)] * 100)
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 4096 * 20)

        with pytest.raises(DataError, match=f"{path} cannot be used: the database is damaged"):
            list(db.execute("SELECT * FROM notes"))


def test_a_database_that_was_damaged_meanwhile_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "db"
    with closing(open_database(path, SCHEMA)) as db:
        db.executemany("INSERT INTO notes VALUES (?)", [("x" * 900,)] * 100)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * 4096 + content[8192:])

    with pytest.raises(DataError, match="restore a copy or move it away"):
        open_database(path, SCHEMA)


def test_a_mistake_in_a_statement_stays_an_error_of_sqlite(tmp_path):
    with (
        closing(open_database(tmp_path / "db", SCHEMA)) as db,
        pytest.raises(sqlite3.OperationalError, match="no such table"),
    ):
        db.execute("SELECT * FROM others")


def test_a_newer_database_is_left_as_it_is(tmp_path):
    open_database(tmp_path / "db", SCHEMA, version=2).close()

    with pytest.raises(DataError, match="was written by a newer Butler; update this one"):
        open_database(tmp_path / "db", SCHEMA, version=1)


def test_a_folder_in_the_place_of_a_database_is_one_sentence(tmp_path):
    with pytest.raises(
        DataError, match="cannot be used: the database cannot be opened; name a file in"
    ):
        open_database(tmp_path, SCHEMA)


def test_opening_a_database_again_leaves_the_locks_of_the_first(tmp_path):
    with closing(open_database(tmp_path / "db", SCHEMA)) as first:
        first.execute("BEGIN EXCLUSIVE")
        first.execute("INSERT INTO notes VALUES ('mine')")
        private_file(tmp_path / "db")

        with (
            closing(sqlite3.connect(tmp_path / "db", timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("INSERT INTO notes VALUES ('yours')")
        first.execute("COMMIT")


def test_a_lock_holds_the_process_that_has_it(tmp_path):
    with locked(tmp_path / "lock", "Another Butler"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
        with pytest.raises(DataError) as refused, locked(tmp_path / "lock", "Another Butler"):
            pytest.fail("two have the lock")

    assert str(refused.value) == (
        f"Another Butler (process {os.getpid()}) is using {tmp_path}. End it first, "
        "or give this one its own data_dir."
    )


def test_a_lock_is_free_again_behind_its_block(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "lock", "Another Butler"):
            pass


def test_a_lock_whose_holder_has_not_written_yet_is_held_all_the_same(tmp_path):
    with locked(tmp_path / "lock", "Another Butler"):
        (tmp_path / "lock").write_text("")
        with (
            pytest.raises(DataError, match="process unknown"),
            locked(tmp_path / "lock", "Another Butler"),
        ):
            pytest.fail("two have the lock")


def test_a_lock_that_cannot_be_written_is_one_sentence(tmp_path):
    with (
        pytest.raises(DataError, match=r"cannot be written: Is a directory\."),
        locked(tmp_path, "Another Butler"),
    ):
        pytest.fail("there is no lock")


def test_two_consoles_may_share_a_new_data_folder(tmp_path):
    config = write_config(tmp_path)
    both = [start_butler("console", "--jsonl", "--config", config) for _ in range(2)]

    ends = [(each.communicate(b"", timeout=PATIENCE_S), each.returncode) for each in both]

    assert ends == [((b"", b""), 0)] * 2
