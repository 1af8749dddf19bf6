"""What was asked and answered in runs is forgotten in time."""

import pytest

from butler.testing import make_message
from butler_run.agents import Usage
from butler_run.history.past import State
from butler_run.history.runs import FILE_NAME, History

DAY_S = 86_400.0


@pytest.fixture
def clock(mocker):
    return mocker.patch("butler_run.history.runs.time.time", return_value=1_000_000.0)


@pytest.fixture
def steady(mocker):
    return mocker.patch("butler.storage.pruning.time.clock_gettime", return_value=0.0)


@pytest.mark.parametrize("keep_s", [90 * DAY_S, None])
def test_what_was_asked_in_a_run_is_gone_from_the_files_once_it_is_too_old(
    tmp_path, clock, steady, keep_s
):
    history = History(tmp_path / FILE_NAME, keep_s)
    message = make_message("/run a-secret-plan")
    number = history.add(message, "api", tmp_path, "claude", "a-secret-plan")
    history.end(number, State.DONE, answer="a-secret-answer")
    clock.return_value += 91 * DAY_S
    steady.return_value += 91 * DAY_S
    history.forget_texts()
    history.close()

    content = b"".join(each.read_bytes() for each in tmp_path.glob(f"{FILE_NAME}*"))
    assert (b"a-secret" in content) is (keep_s is None)


def test_a_clock_that_is_ahead_costs_no_text(tmp_path, clock, steady):
    history = History(tmp_path / FILE_NAME, 90 * DAY_S)
    number = history.add(make_message("/run it"), "api", tmp_path, "claude", "it")
    history.end(number, State.DONE)
    clock.return_value += 91 * DAY_S
    steady.return_value += 7_200
    history.forget_texts()

    assert history.request(number).prompt == "it"
    history.close()


def test_what_was_asked_in_a_run_that_is_not_over_is_kept(tmp_path, clock, steady):
    history = History(tmp_path / FILE_NAME, 90 * DAY_S)
    number = history.add(make_message("/run it"), "api", tmp_path, "claude", "it")
    clock.return_value += 91 * DAY_S
    steady.return_value += 91 * DAY_S
    history.forget_texts()

    assert history.request(number).prompt == "it"
    history.close()


def test_a_history_of_years_keeps_the_latest_runs_only(tmp_path, mocker):
    mocker.patch("butler_run.history.runs._RUNS_KEPT", 3)
    history = History(tmp_path / FILE_NAME)
    for _ in range(10):
        number = history.add(make_message("/run it"), "api", tmp_path, "claude", "it")
        history.end(number, State.DONE)

    assert [each.number for each in history.last("team@g.us", 100)] == [10, 9, 8, 7]
    assert history.highest == 10
    history.close()


def test_a_gap_in_the_numbers_of_several_machines_costs_no_earlier_run(tmp_path):
    history = History(tmp_path / FILE_NAME)
    for number in (1, 2, 50_000):
        history.add(make_message("/run it"), "api", tmp_path, "claude", "it", number)
        history.chats.note_message("team@g.us", f"m{number}", number)

    assert [each.number for each in history.last("team@g.us", 100)] == [50_000, 2, 1]
    assert history.request(1).prompt == "it"
    assert history.chats.run_of("team@g.us", "m1") == 1
    history.close()


def test_conversations_of_years_are_forgotten_but_for_the_latest(tmp_path, mocker):
    mocker.patch("butler_run.history.contexts._KEPT", 3)
    history = History(tmp_path / FILE_NAME)
    usage = Usage(tokens=1, cost_usd=0.5)
    for number in (0, *range(10), 0):
        history.contexts.note(f"conversation {number}", usage)

    known = [n for n in range(10) if history.contexts.of(f"conversation {n}") is not None]
    assert known == [0, 8, 9]
    history.close()
