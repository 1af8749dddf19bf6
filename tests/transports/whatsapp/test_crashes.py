"""kill -9 in the middle of work; the long series is in ``tests/soak``."""

import pytest

from crash_series import Series, chosen_seed

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]


async def test_killed_at_random_moments_nothing_is_lost_or_done_or_answered_twice(server, tmp_path):
    series = Series(server, tmp_path, chosen_seed())

    outcome = await series.run(["gateway"] * 3 + ["daemon"] * 3)

    print(outcome)  # noqa: T201 - shown by pytest -rP
    outcome.check()
