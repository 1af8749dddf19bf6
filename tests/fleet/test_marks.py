"""The marks of a worker."""

import pytest

from butler.errors import DataError
from butler.fleet.marks import KEEP_S, Marks, State

TURN, OTHER = "ab" * 16, "cd" * 16


def test_a_mark_outlives_the_process(tmp_path):
    marks = Marks(tmp_path / "turns")
    marks.add(TURN, State.BEGUN)

    again = Marks(tmp_path / "turns")

    assert (again.state(TURN), again.state(OTHER)) == (State.BEGUN, None)


def test_the_latest_mark_counts(tmp_path):
    marks = Marks(tmp_path / "turns")
    for state in (State.BEGUN, State.TAKEN_OVER, State.OVER):
        marks.add(TURN, state)

    assert Marks(tmp_path / "turns").state(TURN) is State.OVER


def test_marks_go_after_two_weeks_at_the_latest(tmp_path, clock):
    Marks(tmp_path / "turns").add(TURN, State.OVER)

    clock.put_forward(2 * KEEP_S + 1)

    assert Marks(tmp_path / "turns").state(TURN) is None


def test_marks_go_while_the_worker_runs_but_none_of_the_last_seven_days(tmp_path, clock):
    marks = Marks(tmp_path / "turns")
    for day in range(60):
        marks.add(f"{day:032x}", State.BEGUN)
        marks.add(f"{day:032x}", State.OVER)
        clock.put_forward(24 * 3600)

        recent = range(max(0, day - 6), day + 1)
        assert all(marks.state(f"{each:032x}") is State.OVER for each in recent)
        assert len(marks) <= 16
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= 32 * 21
    again = Marks(tmp_path / "turns")
    assert (again.state(f"{59:032x}"), again.state(f"{54:032x}")) == (State.OVER, State.OVER)


def test_half_a_mark_is_as_good_as_none(tmp_path):
    marks = Marks(tmp_path / "turns")
    marks.add(TURN, State.OVER)
    with (tmp_path / "turns").open("ab") as file:
        file.write(b"half")

    again = Marks(tmp_path / "turns")
    again.add(OTHER, State.BEGUN)

    third = Marks(tmp_path / "turns")
    assert (third.state(TURN), third.state(OTHER)) == (State.OVER, State.BEGUN)


def test_a_turn_that_cannot_be_marked_must_not_begin(tmp_path, mocker):
    marks = Marks(tmp_path / "turns")
    mocker.patch("os.write", side_effect=OSError(28, "No space left on device"))

    with pytest.raises(DataError, match="cannot be marked as begun: No space left"):
        marks.add(TURN, State.BEGUN)
    assert marks.state(TURN) is None
