"""The marks of turns that were begun."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from butler.errors import DataError
from butler.transports.whatsapp.daemon.started_marks import SLOTS, StartedMarks


@pytest.fixture
def path(tmp_path):
    return tmp_path / "begun"


@pytest.fixture
def begun(path):
    begun = StartedMarks(path)
    yield begun
    begun.close()


def reopened(path):
    """Return the marks as the next daemon finds them."""
    begun = StartedMarks(path)
    begun.close()
    return begun


def test_a_mark_outlives_a_killed_process(path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from butler.transports.whatsapp.daemon.started_marks import StartedMarks\n"
        "StartedMarks(Path(sys.argv[1])).add(7, 'A7', is_told=True)\n"
        "os.kill(os.getpid(), 9)"
    )

    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)

    assert ended.returncode == -signal.SIGKILL
    assert reopened(path).earlier(7, "A7") is not None


def test_a_turn_that_is_over_or_of_the_same_daemon_has_no_earlier_mark(begun, path):
    begun.add(1, "A1", is_told=True)
    begun.add(2, "A2", is_told=True)
    begun.remove(1)
    begun.remove(3)

    assert begun.earlier(2, "A2") is None
    assert reopened(path).earlier(1, "A1") is None


def test_a_mark_says_whether_the_chat_is_told_and_the_last_word_counts(begun, path):
    for row in (1, 2):
        begun.add(row, f"A{row}", is_told=True)
    begun.add(2, "A2", is_told=False)

    again = reopened(path)

    assert [again.earlier(row, f"A{row}").is_told for row in (1, 2)] == [True, False]


def test_a_mark_of_another_message_in_that_row_counts_for_nothing(begun, path):
    begun.add(1, "A1", is_told=True)

    again = StartedMarks(path)
    assert again.earlier(1, "B1") is None
    again.close()
    assert reopened(path).earlier(1, "A1") is None


def test_what_was_left_on_lower_rows_is_forgotten(begun, path):
    for row in (1, 5, 9):
        begun.add(row, f"A{row}", is_told=True)

    again = StartedMarks(path)
    assert again.earlier(5, "A5") is not None
    again.close()
    assert reopened(path).earlier(1, "A1") is None
    assert reopened(path).earlier(5, "A5") is not None
    assert reopened(path).earlier(9, "A9") is not None


def test_the_file_has_the_size_of_the_most_turns_at_a_time(begun, path):
    size = path.stat().st_size
    for row in range(1, 10 * SLOTS):
        begun.add(row, f"A{row}", is_told=True)
        begun.remove(row)
    assert path.stat().st_size == size

    for row in range(1, SLOTS + 3):
        begun.add(row, f"A{row}", is_told=True)
    begun.remove(1)
    begun.add(SLOTS + 3, f"A{SLOTS + 3}", is_told=True)

    again = reopened(path)
    assert all(again.earlier(row, f"A{row}") for row in range(2, SLOTS + 4))


def test_only_the_user_can_read_it(begun, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"\xff" * 100, os.urandom(50_001)])
def test_a_file_with_anything_else_in_it_says_nothing(path, content):
    path.write_bytes(content)
    begun = StartedMarks(path)
    begun.add(1, "A1", is_told=True)
    begun.close()

    assert reopened(path).earlier(2**63, "A1") is None
    path.write_bytes(content)
    assert reopened(path).earlier(1, "A1") is None


def test_a_folder_in_its_place_is_said(tmp_path):
    with pytest.raises(DataError, match="cannot be used: Is a directory"):
        StartedMarks(tmp_path)


def test_a_disk_that_takes_nothing_is_logged_once_and_turns_go_on(begun, caplog, mocker):
    mocker.patch.object(os, "pwrite", side_effect=OSError(errno.EIO, "Input/output error"))

    for row in (1, 2):
        begun.add(row, f"A{row}", is_told=True)

    assert caplog.messages == [
        "cannot mark turns as started: [Errno 5] Input/output error",
    ]
