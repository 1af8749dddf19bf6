"""Damage in a database is found in limited time."""

import sqlite3
from contextlib import closing

import pytest

from butler.storage import integrity
from butler.storage.integrity import Verdict, inspected

PAGE_BYTES = 4096


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "some.sqlite3"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE words (word TEXT PRIMARY KEY, length INTEGER)")
        rows = [(f"word {number}" * 9, number) for number in range(2_000)]
        db.executemany("INSERT INTO words VALUES (?, ?)", rows)
    return path


def _damage(path, offset, count=64):
    content = bytearray(path.read_bytes())
    content[offset : offset + count] = bytes(each ^ 0x5A for each in content[offset:][:count])
    path.write_bytes(content)


def test_a_sound_database_has_no_problem_and_is_not_changed(path):
    before = path.read_bytes()

    assert inspected(path) == Verdict()
    assert path.read_bytes() == before


def test_a_database_that_is_open_elsewhere_can_be_checked(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM words")

        assert inspected(path) == Verdict()


@pytest.mark.parametrize("page", [2, 7, 30, 60])
def test_64_damaged_bytes_at_the_start_of_a_page_are_found(path, page):
    _damage(path, page * PAGE_BYTES)

    assert inspected(path).problem


def test_a_damaged_key_is_found_by_the_index(path):
    _damage(path, path.read_bytes().rindex(b"word 1999"), 4)

    assert "words" in inspected(path).problem


@pytest.mark.parametrize("content", [b"no database " * 500, b"x"])
def test_a_file_that_is_no_database_is_a_problem(path, content):
    path.write_bytes(content)

    assert inspected(path).problem.startswith("the file is not a database")


def test_a_missing_file_is_a_problem(tmp_path):
    problem = "the file cannot be read (No such file or directory)"
    assert inspected(tmp_path / "none.sqlite3") == Verdict(problem)


def test_a_large_database_is_checked_as_far_as_the_time_allows(path, mocker):
    mocker.patch.object(integrity, "_STEPS_BETWEEN_LOOKS", 1)

    assert inspected(path, limit_s=-1.0) == Verdict(is_complete=False)


def test_a_locked_database_is_not_called_damaged(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")

        assert inspected(path, limit_s=0.01) == Verdict(is_complete=False)
