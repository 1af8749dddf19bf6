import errno
import sqlite3

import pytest

from butler.storage.sqlite_errors import from_os, from_sqlite


def sqlite_error(code):
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "blocks_left", "sentence"),
    [
        (sqlite3.SQLITE_FULL, 9, "the disk is full; free some space."),
        (sqlite3.SQLITE_IOERR_SHMSIZE, 0, "the disk is full; free some space."),
        (
            *(sqlite3.SQLITE_IOERR_SHMSIZE, 9),
            "the disk cannot be read or written; check its health and limits.",
        ),
        (
            *(sqlite3.SQLITE_READONLY_DBMOVED, 9),
            "the database is read-only; make the file and folder writable.",
        ),
        (sqlite3.SQLITE_MISUSE, 9, "the database failed; SQLite says: it failed."),
    ],
)
def test_what_sqlite_refuses_comes_with_the_way_out(tmp_path, mocker, code, blocks_left, sentence):
    mocker.patch("os.statvfs", return_value=mocker.Mock(f_bavail=blocks_left))

    failure = from_sqlite(tmp_path / "db", sqlite_error(code))

    assert str(failure) == f"{tmp_path}/db cannot be used: {sentence}"
    assert failure.may_pass


def test_a_disk_that_is_gone_is_not_taken_for_a_full_one(tmp_path):
    failure = from_sqlite(tmp_path / "gone" / "db", sqlite_error(sqlite3.SQLITE_IOERR))

    assert failure.reason == "the disk cannot be read or written"


def test_an_error_that_sqlite_did_not_raise_has_no_code(tmp_path):
    failure = from_sqlite(tmp_path / "db", sqlite3.ProgrammingError("it was misused"))

    assert (failure.reason, failure.remedy) == (
        "the database failed",
        "SQLite says: it was misused",
    )
    assert not failure.may_pass


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EROFS, "the system says read-only file system"),
    ],
)
def test_what_the_system_refuses_has_a_reason(tmp_path, number, reason):
    failure = from_os(tmp_path / "db", OSError(number, "Read-only file system"))

    assert failure.reason == reason


def test_a_path_that_cannot_be_encoded_is_shown_escaped(tmp_path):
    failure = from_os(tmp_path / "caf\udce9", OSError(errno.EACCES, "Permission denied"))

    assert failure.place == f"{tmp_path}/caf\\udce9"
    assert str(failure).isascii()
