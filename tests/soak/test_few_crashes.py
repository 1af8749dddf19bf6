"""kill -9 in the middle of work; the long series is in ``tests/soak``."""

import pytest

from crash_series import Series, chosen_seed
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = pytest.mark.wire


async def test_a_gateway_killed_at_random_moments_costs_no_message_and_no_second_turn(
    whatsapp_server, tmp_path
):
    series = Series(whatsapp_server, tmp_path, chosen_seed())

    outcome = await series.run(["gateway"] * 3)

    print(outcome)  # noqa: T201 - shown by pytest -rP
    outcome.check()
    assert set(outcome.done.values()) == {1}


async def test_a_daemon_killed_at_random_moments_costs_no_message_and_no_second_reply(
    whatsapp_server, tmp_path
):
    series = Series(whatsapp_server, tmp_path, chosen_seed())

    outcome = await series.run(["daemon"] * 3)

    print(outcome)  # noqa: T201 - shown by pytest -rP
    outcome.check()
