import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest

from butler.access.rules import Refusal
from butler.chat.message import Message, Person
from butler.errors import DataError
from butler.records.model import MemoryRecords
from butler.records.sqlite import KEEP_S, MAX_WAITING, SqliteRecords

REFUSAL = Refusal("not allowed", "because")


def message(number=1, chat_id="team@g.us"):
    return Message(f"m{number}", chat_id, Person(lid="1@lid"), "secret text", 0.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.sqlite3"


@pytest.fixture(params=["memory", "sqlite"])
def records(request, path):
    return MemoryRecords() if request.param == "memory" else SqliteRecords(path)


@pytest.fixture
def clock(mocker):
    return mocker.patch("butler.records.model.time.time", return_value=1_000.0)


@pytest.fixture
def steady(mocker):
    """Seconds since the start of the machine."""
    return mocker.patch("butler.storage.pruning.time.clock_gettime", return_value=0.0)


@pytest.fixture(autouse=True)
def persistent(mocker):
    """Try a file that cannot be written again at once."""
    mocker.patch("butler.records.sqlite.RETRY_S", 0.0)


def flushed(records):
    if isinstance(records, SqliteRecords):
        records.flush()
    return records


def test_the_last_ignored_come_first_and_only_so_many(records):
    for number in range(3):
        records.ignored(message(number), REFUSAL)

    assert [each.message_id for each in flushed(records).last_ignored(2)] == ["m2", "m1"]


def test_what_was_ignored_just_now_is_among_the_last(records):
    records.ignored(message(), REFUSAL)

    assert [each.message_id for each in records.last_ignored(9)] == ["m1"]


def test_the_ignored_of_one_chat_can_be_told_apart(records):
    records.ignored(message(1), REFUSAL)
    records.ignored(message(2, "other@g.us"), REFUSAL)

    (found,) = flushed(records).last_ignored(9, "other@g.us")

    assert (found.chat_id, found.sender, found.message_id) == ("other@g.us", "1@lid", "m2")
    assert (found.rule, found.detail) == ("not allowed", "because")


def test_what_was_done_is_kept_with_how_it_ended(path, clock):
    records = SqliteRecords(path)
    records.done(message(), "use", "api", "done", "at once")
    records.flush()

    (done,) = records.audit()

    assert (done.time, done.command, done.repo, done.result) == (1_000.0, "use", "api", "done")
    assert records.audit(since=1_001.0) == records.audit(chat_id="other@g.us") == []


def test_memory_keeps_what_was_done():
    records = MemoryRecords()

    records.done(message(), "use", "api", "done")

    assert records.audit[0].command == "use"


def test_it_is_known_whether_a_message_was_done(records):
    records.done(message(1), "use", "api", "done")
    records.ignored(message(2), REFUSAL)
    flushed(records)

    assert records.was_done(message(1))
    assert not records.was_done(message(2))
    assert not records.was_done(message(1, "other@g.us"))


def test_what_cannot_be_looked_up_counts_as_not_done(path, caplog):
    records = SqliteRecords(path)
    path.write_text("no database at all\n" * 300)

    assert not records.was_done(message())
    assert "cannot be used" in caplog.text


def test_no_text_of_a_message_is_kept(path):
    records = SqliteRecords(path)
    records.ignored(message(), REFUSAL)
    records.done(message(), "use", "api", "done")
    records.flush()

    with closing(sqlite3.connect(path)) as db:
        assert not any("secret" in line for line in db.iterdump())


def test_nothing_to_write_writes_nothing(path):
    SqliteRecords(path).flush()

    assert SqliteRecords(path).last_ignored(9) == []


def test_a_flood_is_counted_rather_than_kept(path):
    records = SqliteRecords(path)
    for number in range(MAX_WAITING + 7):
        records.ignored(message(number), REFUSAL)
    records.flush()

    newest = records.last_ignored(MAX_WAITING + 7)

    assert len(newest) == MAX_WAITING + 1
    assert (newest[0].rule, newest[0].detail) == ("flood", "7 more messages")


def test_records_are_forgotten_after_ninety_days(path, clock, steady):
    records = SqliteRecords(path)
    records.ignored(message(1), REFUSAL)
    records.done(message(1), "use", "api", "done")
    records.flush()

    clock.return_value += KEEP_S + 1
    steady.return_value += KEEP_S + 1
    records.ignored(message(2), REFUSAL)
    records.flush()

    assert [each.message_id for each in records.last_ignored(9)] == ["m2"]
    assert records.audit() == []


def test_the_oldest_go_where_there_are_too_many(path):
    records = SqliteRecords(path, max_bytes=200_000)
    for start in range(0, 4_000, 100):
        for number in range(start, start + 100):
            records.ignored(message(number), REFUSAL)
            records.done(message(number), "use", "api", "done")
        records.flush()

    assert path.stat().st_size < 300_000
    assert records.last_ignored(1)[0].message_id == "m3999"
    assert records.audit()[-1].message_id == "m3999"


async def test_the_files_stay_under_the_limit_and_the_audit_outlives_a_flood(path):
    records = SqliteRecords(path, max_bytes=2_000_000)
    sizes = []
    async with records.flushing(every_s=1000):
        records.done(message(), "use", "api", "done")
        for start in range(0, 20_000, 500):
            for number in range(start, start + 500):
                records.ignored(message(number), REFUSAL)
            records.flush()
            sizes.append(sum(each.stat().st_size for each in path.parent.iterdir()))

    assert 1_000_000 < max(sizes) <= 2_000_000
    assert records.last_ignored(1)[0].message_id == "m19999"
    assert len(records.audit()) == 1


def test_a_lower_limit_makes_the_file_smaller(path):
    for max_bytes in (2_000_000, 200_000):
        records = SqliteRecords(path, max_bytes)
        for number in range(6_000):
            records.ignored(message(number), REFUSAL)
        records.flush()

    assert path.stat().st_size <= 200_000
    assert records.last_ignored(1)[0].message_id == "m5999"


async def test_records_are_flushed_at_the_end_of_the_block(path):
    records = SqliteRecords(path)

    async with records.flushing():
        records.ignored(message(), REFUSAL)

    assert len(records.last_ignored(9)) == 1


async def test_records_are_flushed_every_while(path, mocker):
    records = SqliteRecords(path)
    was_flushed = asyncio.Event()
    loop = asyncio.get_running_loop()
    mocker.patch.object(
        records, "flush", side_effect=lambda: loop.call_soon_threadsafe(was_flushed.set)
    )

    async with records.flushing(every_s=0), asyncio.timeout(10):
        await was_flushed.wait()


async def test_what_is_flushed_outlives_the_process(path):
    records = SqliteRecords(path)

    async with records.flushing(every_s=3600):
        records.done(message(), "use", "api", "done")
        await asyncio.to_thread(records.flush)
        assert [each.message_id for each in SqliteRecords(path).audit()] == ["m1"]


async def test_nothing_is_lost_or_doubled_that_is_noted_while_another_thread_flushes(path):
    records = SqliteRecords(path)
    is_over = threading.Event()

    def flush_on() -> None:
        while not is_over.is_set():
            records.flush()

    async with records.flushing(every_s=3600):
        flushers = [threading.Thread(target=flush_on) for _ in range(2)]
        for each in flushers:
            each.start()
        for number in range(5_000):
            records.done(message(number), "use", "api", "done")
        is_over.set()
        for each in flushers:
            each.join()

    assert sorted(int(each.message_id[1:]) for each in records.audit()) == list(range(5_000))


async def test_records_that_cannot_be_written_are_logged_and_do_not_end_the_bot(path, caplog):
    records = SqliteRecords(path)

    async with records.flushing():
        with closing(sqlite3.connect(path)) as db:
            db.execute("DROP TABLE ignored")
        records.ignored(message(), REFUSAL)
        records.flush()
        records.flush()

    assert caplog.text.count(f"records wait until they can be written: {path} cannot") == 1
    assert "1 records are lost" in caplog.text


async def test_records_that_cannot_be_written_for_a_while_are_written_later(path, caplog):
    caplog.set_level("INFO")
    records = SqliteRecords(path)

    async with records.flushing(every_s=3600):
        with closing(sqlite3.connect(path)) as db:
            db.execute("ALTER TABLE audit RENAME TO away")
            for number in range(3):
                records.ignored(message(number), REFUSAL)
                records.done(message(number), "use", "api", "done")
                records.flush()
            db.execute("ALTER TABLE away RENAME TO audit")
        records.flush()

    assert [each.message_id for each in records.audit()] == ["m0", "m1", "m2"]
    assert [each.message_id for each in records.last_ignored(9)] == ["m2", "m1", "m0"]
    waiting, written = [each.getMessage() for each in caplog.records]
    assert waiting.startswith("records wait until they can be written: ")
    assert written == "records are written again"


def test_while_records_wait_memory_stays_bounded(path):
    records = SqliteRecords(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE audit RENAME TO away")
        for number in range(MAX_WAITING + 3):
            records.ignored(message(number), REFUSAL)
            records.done(message(number), "use", "api", "done")
        records.flush()
        records.ignored(message(), REFUSAL)
        records.flush()
        assert len(records._ignored) == len(records._done) == MAX_WAITING
        db.execute("ALTER TABLE away RENAME TO audit")
    records.flush()

    assert records.last_ignored(1)[0].detail == "4 more messages"


def test_what_finds_no_room_once_a_failed_write_is_over_is_counted(path, mocker):
    records = SqliteRecords(path)
    for number in range(5):
        records.ignored(message(number), REFUSAL)

    def flooded_meanwhile(*_arguments, **_options):
        for number in range(MAX_WAITING - 2):
            records.ignored(message(number), REFUSAL)
        raise sqlite3.OperationalError("database is locked")

    broken = mocker.patch("sqlite3.connect", side_effect=flooded_meanwhile)
    records.flush()
    mocker.stop(broken)
    records.flush()

    newest = records.last_ignored(MAX_WAITING + 5)
    assert len(newest) == MAX_WAITING + 1
    assert (newest[0].rule, newest[0].detail) == ("flood", "3 more messages")


def test_any_text_can_be_kept(path):
    records = SqliteRecords(path)

    records.done(message(), "run", "api", "done", "half a \udc80 pair")
    records.ignored(message(), Refusal("deleted", "message \ud83d\0"))
    records.flush()

    assert records.audit()[0].detail == "half a ? pair"
    assert records.last_ignored(1)[0].detail == "message ?\0"


def test_a_damaged_file_is_one_sentence(path):
    path.write_bytes(b"no database at all, and long enough to look at" * 9)

    with pytest.raises(
        DataError, match=r"records\.sqlite3 cannot be used: the file is not a database"
    ):
        SqliteRecords(path)


@pytest.mark.parametrize("keep_s", [60.0, None])
def test_what_has_expired_is_gone_from_the_files(path, clock, steady, keep_s):
    records = SqliteRecords(path, keep_s=keep_s)
    for number in range(200):
        records.done(message(number), "run", "api", "done", f"run {number}: a-secret-plan")
    records.flush()
    clock.return_value += 3_601
    steady.return_value += 3_601
    records.done(message(0), "use", "api", "done")
    records.flush()

    content = b"".join(each.read_bytes() for each in path.parent.glob("records.sqlite3*"))
    assert (b"a-secret-plan" in content) is (keep_s is None)


@pytest.mark.parametrize("jump_s", [40 * 86_400.0, KEEP_S + 86_400.0])
def test_a_clock_that_is_ahead_for_a_while_costs_no_records(path, clock, steady, jump_s):
    records = SqliteRecords(path)
    steady.return_value += 7_200
    clock.return_value += 7_200
    records.done(message(1), "use", "api", "done")
    records.flush()

    clock.return_value += jump_s
    records.done(message(2), "use", "api", "done")
    records.flush()
    clock.return_value -= jump_s
    records.done(message(3), "use", "api", "done")
    records.flush()

    assert [each.message_id for each in records.audit()] == ["m1", "m3", "m2"]


def test_an_index_that_is_damaged_is_one_sentence_with_the_file_and_the_way_out(path):
    records = SqliteRecords(path)
    records.done(message(1), "use", "api", "done")
    records.flush()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        ((root,),) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'audit_by_time'")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = db.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    content[(root - 1) * size : root * size] = b"\x0a" + bytes(size - 1)
    path.write_bytes(content)

    with pytest.raises(DataError, match=f"{path} cannot be used: the database is damaged; restore"):
        SqliteRecords(path)


async def test_a_file_that_vanished_while_butler_runs_is_said_and_replaced(path, caplog):
    records = SqliteRecords(path)
    async with records.flushing(every_s=3600):
        records.done(message(1), "use", "api", "done")
        records.flush()
        for each in path.parent.glob("records.sqlite3*"):
            each.unlink()
        records.done(message(2), "use", "api", "done")
        records.flush()
        records.done(message(3), "use", "api", "done")

    assert [each.message_id for each in SqliteRecords(path).audit()] == ["m2", "m3"]
    assert [each.message for each in caplog.records] == [
        f"{path} has vanished; further records go to a new one"
    ]


async def test_a_folder_that_vanished_is_said_once_and_is_no_end(tmp_path, caplog):
    path = tmp_path / "data" / "records.sqlite3"
    records = SqliteRecords(path)
    async with records.flushing(every_s=3600):
        path.parent.rename(tmp_path / "moved")
        for number in range(3):
            records.done(message(number), "use", "api", "done")
            records.flush()
        problem = records.problem
        (tmp_path / "moved").rename(path.parent)

    assert len(SqliteRecords(path).audit()) == 3
    assert "its folder has vanished; put it back" in caplog.text
    assert len([each for each in caplog.records if each.levelname == "ERROR"]) == 1
    assert problem == ""


def test_records_that_cannot_be_written_for_a_moment_are_no_problem_for_others(path, clock, mocker):
    ticking = mocker.patch("butler.records.sqlite.time.monotonic", return_value=100.0)
    mocker.patch("butler.records.sqlite.PATIENCE_S", 0.01)
    records = SqliteRecords(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        problems = []
        for _ in range(3):
            records.done(message(1), "use", "api", "done")
            records.flush()
            problems.append(records.problem)
            ticking.return_value += 4.0
        other.execute("ROLLBACK")
    records.flush()

    assert problems == ["", "", "another process keeps the database locked"]
    assert records.problem == ""
    assert len(records.audit()) == 3


def test_nobody_waits_for_a_locked_file_more_than_once_a_second(path, mocker):
    mocker.patch("butler.records.sqlite.RETRY_S", 1.0)
    mocker.patch("butler.records.sqlite.PATIENCE_S", 0.01)
    ticking = mocker.patch("butler.records.sqlite.time.monotonic", return_value=100.0)
    records = SqliteRecords(path)
    opening = mocker.spy(records, "_open")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(50):
            records.done(message(1), "use", "api", "done")
            records.flush()
        ticking.return_value += 1.0
        records.flush()

    assert opening.call_count == 2


async def test_replies_do_not_wait_for_a_file_that_is_known_to_be_locked(path, mocker):
    mocker.patch("butler.records.sqlite.PATIENCE_S", 0.01)
    records = SqliteRecords(path)
    flushing = mocker.spy(records, "flush")

    async with records.flushing(every_s=3600):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(5):
                records.done(message(number), "use", "api", "done")
                await records.flushed()
            other.execute("ROLLBACK")

        assert flushing.call_count == 1
    assert len(records.audit()) == 5


def test_a_damaged_file_is_a_problem_at_once(path):
    records = SqliteRecords(path)
    for number in range(200):
        records.done(message(number), "use", "api", "done")
    records.flush()
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 40_960)
    path.with_name("records.sqlite3-wal").unlink(missing_ok=True)
    records.done(message(1), "use", "api", "done")
    records.flush()

    assert records.problem == "the database is damaged"


async def test_records_are_written_on_the_loop_where_that_is_quick(path, mocker):
    records = SqliteRecords(path)
    hop = mocker.spy(asyncio, "to_thread")

    async with records.flushing(every_s=3600):
        mocker.patch("butler.records.sqlite.QUICK_S", 60.0)
        records.done(message(), "use", "api", "done")
        records.ignored(message(), REFUSAL)
        await records.flushed()

        assert hop.call_count == 0
        assert records.waiting == 0
        assert [each.message_id for each in SqliteRecords(path).audit()] == ["m1"]


@pytest.mark.parametrize("why", ["slow", "locked", "moved away"])
async def test_records_are_written_in_a_thread_where_the_loop_would_wait(path, mocker, why):
    records = SqliteRecords(path)
    hop = mocker.spy(asyncio, "to_thread")

    async with records.flushing(every_s=3600):
        locking = sqlite3.connect(path, isolation_level=None)
        if why == "slow":
            mocker.patch("butler.records.sqlite.QUICK_S", 0.0)
            records.done(message(), "use", "web", "done")
            await records.flushed()
        elif why == "locked":
            locking.execute("BEGIN IMMEDIATE")
            asyncio.get_running_loop().call_later(0.05, locking.execute, "ROLLBACK")
        else:
            path.rename(path.with_suffix(".aside"))
        records.done(message(), "use", "api", "done")
        await records.flushed()
        locking.close()

        assert hop.call_count == 1
        assert SqliteRecords(path).audit()[-1].repo == "api"


async def test_what_is_written_on_the_loop_is_pruned_once_a_minute(path, mocker):
    records = SqliteRecords(path, max_bytes=200_000)
    mocker.patch("butler.records.sqlite.QUICK_S", 60.0)

    async with records.flushing(every_s=3600):
        for _ in range(3_000):
            records.done(message(), "use", "api", "done", "x" * 100)
            await records.flushed()
        grown = len(SqliteRecords(path).audit())
        mocker.patch("butler.records.sqlite.PRUNE_EVERY_S", 0.0)
        await asyncio.to_thread(records.flush)

        assert len(SqliteRecords(path).audit()) < grown == 3_000
