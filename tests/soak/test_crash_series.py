"""kill -9 in the middle of work, twenty times each."""

import pytest

from crash_series import Series, chosen_seed
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]


async def test_killed_forty_times_nothing_is_lost_or_done_or_answered_twice(
    whatsapp_server, tmp_path
):
    series = Series(whatsapp_server, tmp_path, chosen_seed())

    outcome = await series.run(["gateway"] * 20 + ["daemon"] * 20)

    print(outcome)  # noqa: T201 - shown by pytest -rP
    outcome.check()
