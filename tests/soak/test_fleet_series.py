"""A hub, three workers and Redis, killed forty times while 200 turns arrive."""

import pytest

from crash_series import chosen_seed
from fleet_series import FleetSeries
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500)]


async def test_killed_forty_times_nothing_is_acted_on_twice_or_lost_in_silence(
    whatsapp_server, tmp_path
):
    series = FleetSeries(whatsapp_server, tmp_path, chosen_seed())
    victims = ["worker"] * 20 + ["hub"] * 12 + ["redis"] * 5 + ["redis emptied"] * 3

    try:
        print(await series.run(victims))  # noqa: T201 - shown by pytest -rP
    finally:
        print(series.summary())  # noqa: T201
        print({each: series.replies_to(each) for each in series.untold()})  # noqa: T201
    series.check()
