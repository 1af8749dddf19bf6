"""How much is pruned by age, while clocks run and jump."""

from math import inf

import pytest

from butler.storage.pruning import DAY_S, HOUR_S, Pruning, boot_time

KEEP_S = 90 * DAY_S
NOW = 1_800_000_000.0


class Clocks:
    """The clock on the wall, which may jump, and the steady one."""

    def __init__(self):
        self.wall, self.steady = NOW, 5_000.0

    def pass_(self, seconds):
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def pruning(clocks):
    return Pruning(KEEP_S, lambda: clocks.wall, lambda: clocks.steady)


def test_nothing_is_pruned_in_the_first_hour(pruning, clocks):
    clocks.pass_(HOUR_S - 1)
    assert pruning.until(0.0) is None


def test_what_is_too_old_goes(pruning, clocks):
    clocks.pass_(HOUR_S)
    assert pruning.until(clocks.wall - KEEP_S - 60) == clocks.wall - KEEP_S


def test_no_more_than_a_days_worth_goes_in_an_hour(pruning, clocks):
    oldest = NOW - 2 * KEEP_S
    clocks.pass_(HOUR_S)

    assert pruning.until(oldest) == oldest + DAY_S
    assert pruning.until(oldest + DAY_S) is None
    clocks.pass_(HOUR_S)
    assert pruning.until(oldest + DAY_S) == oldest + 2 * DAY_S


@pytest.mark.parametrize("jump_s", [40 * DAY_S, DAY_S, 600.0, -600.0, -NOW])
def test_nothing_goes_for_a_day_after_the_clock_has_jumped(pruning, clocks, jump_s):
    clocks.pass_(2 * HOUR_S)
    clocks.wall += jump_s
    assert pruning.until(0.0) is None

    clocks.wall -= jump_s
    assert pruning.until(0.0) is None
    clocks.pass_(DAY_S - 1)
    assert pruning.until(0.0) is None
    clocks.pass_(1)
    assert pruning.until(0.0) == DAY_S


def test_a_clock_that_is_set_right_bit_by_bit_has_not_jumped(pruning, clocks):
    for _ in range(120):
        clocks.pass_(60)
        clocks.wall += 0.5
        pruning.is_due  # noqa: B018 - looks at the clocks

    assert pruning.until(0.0) == DAY_S


def test_a_machine_that_slept_has_not_jumped(pruning, clocks):
    clocks.pass_(30 * DAY_S)
    assert pruning.until(0.0) == DAY_S


def test_without_entries_nothing_is_to_be_deleted(pruning, clocks):
    clocks.pass_(HOUR_S)
    assert pruning.until(None) is None


def test_what_is_kept_for_ever_never_goes(clocks):
    pruning = Pruning(inf, lambda: clocks.wall, lambda: clocks.steady)
    clocks.pass_(HOUR_S)
    assert pruning.until(0.0) == -inf


def test_the_steady_clock_goes_on():
    assert boot_time() <= boot_time()
