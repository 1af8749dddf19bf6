import errno
import os
import time

import pytest

from butler.storage.kept_files import KeptFiles
from butler.storage.pruning import DAY_S, HOUR_S


@pytest.fixture
def folder(tmp_path):
    for name, age_s in {"old": 8 * DAY_S, "older": 10 * DAY_S, "new": 0}.items():
        path = tmp_path / name
        path.write_bytes(b"x" * 100)
        os.utime(path, (time.time() - age_s,) * 2)
    return tmp_path


def left(folder):
    return sorted(each.name for each in folder.iterdir())


def test_nothing_goes_right_after_a_start_as_the_clock_may_be_wrong(folder):
    KeptFiles(folder, 7 * DAY_S).prune()

    assert left(folder) == ["new", "old", "older"]


def test_what_was_not_used_for_long_goes_a_day_worth_at_a_time(folder, mocker):
    files = KeptFiles(folder, 7 * DAY_S)
    now = files._pruning._steady()
    steady = mocker.patch.object(files._pruning, "_steady", return_value=now + HOUR_S)
    mocker.patch.object(files._pruning, "_clock", return_value=time.time() + HOUR_S)

    files.prune()
    assert left(folder) == ["new", "old"]

    steady.return_value = now + 2 * HOUR_S
    files._pruning._clock.return_value = time.time() + 2 * HOUR_S
    files.prune()
    assert left(folder) == ["new"]


def test_the_oldest_of_too_much_go_at_once(folder):
    KeptFiles(folder, None, most_bytes=150).prune()

    assert left(folder) == ["new"]


def test_files_that_a_read_only_disk_keeps_are_said_and_end_nothing(folder, mocker, caplog):
    mocker.patch("pathlib.Path.unlink", side_effect=OSError(errno.EROFS, "Read-only file system"))

    KeptFiles(folder, None, most_bytes=150).prune()

    assert "stay for now: [Errno 30] Read-only file system" in caplog.text
    assert left(folder) == ["new", "old", "older"]


def test_a_folder_that_is_not_there_is_left(tmp_path):
    KeptFiles(tmp_path / "none", 7 * DAY_S).prune()

    assert not (tmp_path / "none").exists()
