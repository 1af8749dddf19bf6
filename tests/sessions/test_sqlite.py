import errno
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from threading import Event, Thread

import pytest

from butler.sessions import Session, SessionManager, SqliteStore, StoreError
from butler.sessions.sqlite import APPLICATION_ID, MIGRATIONS
from butler.storage.connection import Connection

API = Session("group", "api", "/src/api", 10.0)
PATIENCE_S = 45


def database_of(store):
    """The connections of a store."""
    return store._database


@pytest.fixture
def used(path):
    """A database with one session in it, closed."""
    store = SqliteStore(path)
    store.put(API)
    store.close()
    return path


@pytest.fixture
def sqlite_store(path):
    store = SqliteStore(path)
    yield store
    store.close()


def python(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    """Wait for the process and return what it wrote to stderr, with its exit status."""
    _, complaints = process.communicate(timeout=PATIENCE_S)
    return complaints, process.returncode


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


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_sessions_outlive_the_store(used):
    store = SqliteStore(used)

    assert store.all() == [API]
    store.close()


def test_what_one_store_writes_another_one_reads(path, sqlite_store):
    other = SqliteStore(path)

    sqlite_store.put(API)
    assert other.get("group") == API
    other.delete("group")
    assert sqlite_store.get("group") is None

    other.close()


def test_the_files_are_for_their_owner_only_whatever_the_umask(path):
    before = os.umask(0)
    try:
        store = SqliteStore(path)
        store.put(API)
    finally:
        os.umask(before)

    files = sorted(path.parent.iterdir())

    assert [file.name for file in files] == ["sessions.db", "sessions.db-shm", "sessions.db-wal"]
    assert [mode(file) for file in files] == [0o600] * 3
    store.close()


def test_missing_folders_are_created_for_their_owner_only(tmp_path):
    SqliteStore(tmp_path / "a" / "b" / "sessions.db").close()

    assert mode(tmp_path / "a") == 0o700
    assert mode(tmp_path / "a" / "b") == 0o700


def test_a_link_to_nothing_yet_gets_a_private_file_at_its_end(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "sessions.db")

    SqliteStore(tmp_path / "link").close()

    assert mode(tmp_path / "sessions.db") == 0o600


def test_a_path_may_be_relative_and_the_process_may_move(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("sessions.db")
    monkeypatch.chdir("/")
    database_of(store)._idle.pop().close()

    store.put(API)

    assert store.get("group") == API
    store.close()


@pytest.mark.parametrize("name", ["what?.db", "a#b %20.db", ":memory:", os.fsdecode(b"caf\xe9.db")])
def test_any_file_name_will_do(tmp_path, name):
    store = SqliteStore(tmp_path / name)
    store.put(API)
    store.close()

    assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize(("synchronous", "level"), [("NORMAL", 1), ("FULL", 2)])
def test_synchronous_is_set_on_every_connection(path, synchronous, level):
    store = SqliteStore(path, synchronous=synchronous)

    assert database_of(store).read("PRAGMA synchronous") == [(level,)]
    store.close()


def test_a_new_file_has_small_pages_and_an_older_one_keeps_its_own(path, tmp_path):
    older = tmp_path / "older.sqlite3"
    with closing(sqlite3.connect(older)) as db:
        db.execute("PRAGMA page_size = 4096")
        db.execute("PRAGMA user_version = 0")
        db.execute("VACUUM")

    for file, page_bytes in ((path, 1024), (older, 4096)):
        store = SqliteStore(file)
        store.put(API)
        assert database_of(store).read("PRAGMA page_size") == [(page_bytes,)]
        store.close()


def test_synchronous_is_one_of_two(path):
    with pytest.raises(ValueError, match="synchronous must be NORMAL or FULL, not OFF"):
        SqliteStore(path, synchronous="OFF")

    assert not path.exists()


HAMMER = """
import random, sys
from butler.sessions import SessionManager, SqliteStore
path, number = sys.argv[1:]
dice = random.Random(number)
with SessionManager(SqliteStore(path), expire_after_s=0.001) as expiring:
    with SessionManager(SqliteStore(path)) as sessions:
        for turn in range(1500):
            chat_id = str(dice.randrange(20))
            dice.choice([
                lambda: sessions.set_active_repo(chat_id, number, "/src"),
                lambda: sessions.set_active_repo(chat_id, str(turn), "/src"),
                lambda: sessions.clear_session(chat_id),
                lambda: sessions.touch(chat_id),
                lambda: sessions.get_session(chat_id),
                lambda: sessions.recent_sessions(5),
                lambda: sessions.list_sessions(),
                lambda: expiring.purge_expired(),
            ])()
            sessions.set_active_repo(f"own {number} {turn}", number, "/src")
            assert sessions.clear_session(f"own {number} {turn}") in (True, False)
        sessions.set_active_repo("last " + number, number, "/src")
"""


def test_processes_hammering_one_file_never_find_it_locked(path):
    processes = [python(HAMMER, path, number) for number in range(3)]

    assert [ended(process) for process in processes] == [("", 0)] * 3


OPEN = """
import sys
from butler.sessions import SessionManager, SqliteStore
path, number = sys.argv[1:]
sys.stdin.readline()
for turn in range(20):
    with SessionManager(SqliteStore(f"{path}.{turn}")) as sessions:
        sessions.set_active_repo(number, "api", "/src/api")
"""


def test_processes_that_open_new_files_at_once_all_keep_their_sessions(path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]

    assert [process.communicate("go\n", timeout=PATIENCE_S) for process in processes] == [
        ("", "")
    ] * 4

    for turn in range(20):
        store = SqliteStore(f"{path}.{turn}")
        assert store.count() == 4
        store.close()


KILLED = """
import sys, time
from butler.sessions import SessionManager, SqliteStore
sessions = SessionManager(SqliteStore(sys.argv[1]))
for number in range(int(sys.argv[2])):
    sessions.set_active_repo(str(number), "api", "/src/api")
print("done", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("count", [1, 2_000])
def test_a_change_that_returned_survives_kill_9(path, count):
    process = python(KILLED, path, count)
    assert process.stdout.readline() == "done\n"
    process.kill()

    assert ended(process) == ("", -signal.SIGKILL)
    with SessionManager(SqliteStore(path)) as sessions:
        assert sessions.count_sessions() == count
        assert sessions.get_active_repo(str(count - 1)) == ("api", "/src/api")


TOO_SMALL = """
import resource, signal, sys
from butler.sessions import SessionManager, SqliteStore, StoreError
sessions = SessionManager(SqliteStore(sys.argv[1]))
sessions.set_active_repo("kept", "api", "/src/api")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    for number in range(10_000):
        sessions.set_active_repo(str(number), "api", "/src/api")
except StoreError as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    print(error.reason, number == sessions.count_sessions() - 1)
sessions.close()
"""


def test_a_file_that_may_not_grow_fails_the_change_and_keeps_all_before_it(path):
    output, complaints = python(TOO_SMALL, path).communicate(timeout=PATIENCE_S)

    assert (output, complaints) == ("the disk cannot be read or written True\n", "")


def test_on_a_full_disk_a_change_fails_with_one_sentence_and_the_rest_stays(path, sqlite_store):
    sqlite_store.put(API)
    database_of(sqlite_store).read("PRAGMA max_page_count = 1")

    with pytest.raises(StoreError) as caught:
        sqlite_store.put(Session("group", "web", "/" * 9_999, 20.0))

    assert caught.value.reason == "the disk is full"
    assert str(caught.value) == (
        f"Sessions cannot be kept in {path}: the disk is full; free some space."
    )
    assert sqlite_store.get("group") == API


def test_a_name_too_long_for_sqlite_is_refused_with_one_sentence(sqlite_store):
    database_of(sqlite_store)._idle[0].setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000)

    with pytest.raises(StoreError, match="a text is too long; shorten it"):
        sqlite_store.put(Session("group", "x" * 1_001, "/src", 1.0))

    assert sqlite_store.count() == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Dear diary, " * 500, "the file is not a database"),
        (b"x", "the file is not a database"),
        (b"SQLite format 3\0" + b"\xff" * 5_000, "the file is not a database"),
    ],
)
def test_a_file_that_is_not_a_database_is_refused_and_left_as_it_is(path, content, reason):
    path.write_bytes(content)

    with pytest.raises(StoreError) as caught:
        SqliteStore(path)

    assert caught.value.reason == reason
    assert str(caught.value).startswith(f"Sessions cannot be kept in {path}: {reason};")
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_database_is_refused_where_it_is_damaged_and_left_as_it_is(used):
    content = used.read_bytes()
    # The first page has the schema; its size stands in the header (sqlite.org/fileformat.html).
    page_bytes = int.from_bytes(content[16:18], "big")
    damaged = content[:page_bytes] + b"\xff" * (len(content) - page_bytes)
    used.write_bytes(damaged)

    store = SqliteStore(used)
    with pytest.raises(StoreError, match="the database is damaged; restore a copy"):
        store.get("group")
    with pytest.raises(StoreError, match="the database is damaged"):
        store.put(API)

    store.close()
    assert used.read_bytes() == damaged


def test_a_folder_is_not_a_database(tmp_path):
    with pytest.raises(StoreError, match="the database cannot be opened; name a file in"):
        SqliteStore(tmp_path)


@pytest.mark.parametrize("below", ["sessions.db", "deeper/sessions.db"])
def test_a_file_is_not_a_folder(tmp_path, below):
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match=r"Sessions cannot be kept in .*/file/"):
        SqliteStore(tmp_path / "file" / below)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, "the system says permission denied"),
        (errno.EROFS, "the system says read-only file system"),
        (errno.ENOSPC, "the disk is full"),
    ],
)
def test_a_file_that_cannot_be_created_is_one_sentence(path, mocker, number, reason):
    mocker.patch("os.open", side_effect=OSError(number, os.strerror(number)))

    with pytest.raises(StoreError) as caught:
        SqliteStore(path)

    assert caught.value.reason == reason
    assert str(path) in str(caught.value)


def test_a_database_that_cannot_be_written_fails_at_the_start(used, mocker):
    before = used.read_bytes()
    connect = sqlite3.connect
    mocker.patch(
        "sqlite3.connect",
        side_effect=lambda name, **options: connect(name.replace("=rw", "=ro"), **options),
    )

    with pytest.raises(StoreError, match="the database is read-only; make the file and folder"):
        SqliteStore(used)

    assert used.read_bytes() == before


def test_a_deleted_database_does_not_come_back_empty(path, sqlite_store):
    database_of(sqlite_store)._idle.pop().close()
    path.unlink()

    with pytest.raises(StoreError, match="the database cannot be opened"):
        sqlite_store.get("group")

    assert not path.exists()


def test_a_closed_store_says_so(path):
    store = SqliteStore(path)
    store.close()

    with pytest.raises(StoreError, match="the database is closed; open it again") as caught:
        store.get("group")

    assert caught.value.reason == "the database is closed"


def test_closing_lets_a_thread_that_reads_right_now_finish(path, sqlite_store):
    is_in, go_on = Event(), Event()
    rows = []

    def read():
        db = database_of(sqlite_store)._borrow()
        is_in.set()
        go_on.wait(PATIENCE_S)
        rows.extend(db.execute("SELECT 1"))
        database_of(sqlite_store)._give_back(db)

    thread = Thread(target=read)
    thread.start()
    is_in.wait(PATIENCE_S)
    sqlite_store.close()
    go_on.set()
    thread.join(PATIENCE_S)

    assert rows == [(1,)]
    assert database_of(sqlite_store)._idle == []


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.put(API._replace(chat_id="caf\udce9")),
        lambda store: store.delete("caf\udce9"),
    ],
)
def test_an_interrupted_change_is_undone_and_lets_others_write(sqlite_store, mocker, change):
    encoding = mocker.patch.object(Connection, "all_storable", side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        change(sqlite_store)
    mocker.stop(encoding)

    sqlite_store.put(API)

    assert sqlite_store.all() == [API]


def test_an_interrupted_read_hurts_no_later_one(sqlite_store, mocker):
    execute = mocker.patch.object(Connection, "execute", side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        sqlite_store.get("group")
    mocker.stop(execute)

    assert sqlite_store.get("group") is None


def test_a_long_read_does_not_hold_up_a_write(sqlite_store):
    sqlite_store.put(API)

    reader = database_of(sqlite_store)._borrow()
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM sessions").fetchall()

    sqlite_store.touch("group", 20.0)

    reader.execute("COMMIT")
    database_of(sqlite_store)._give_back(reader)

    assert sqlite_store.get("group").last_command_time == 20.0


def test_a_new_database_has_the_newest_schema(used):
    assert query(used, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert query(used, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(used, "PRAGMA journal_mode") == [("wal",)]


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
