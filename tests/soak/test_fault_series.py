"""Disks, locks, clocks, freezes, lost and damaged files, a silent chat: ten minutes of load."""

import os

import pytest

from crash_series import chosen_seed
from fault_series import BACK_WITHIN_S, QUICK_WITHIN_S, FaultSeries
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500)]

DURATION_S = float(os.environ.get("FAULTS_S") or 600.0)


async def test_faults_at_random_moments_lose_nothing_and_do_nothing_twice(
    whatsapp_server, tmp_path
):
    series = FaultSeries(whatsapp_server, tmp_path, chosen_seed(), DURATION_S)

    outcome = await series.run()

    print(outcome)  # noqa: T201 - shown by pytest -rP
    assert outcome.unanswered == []
    assert outcome.done_twice == []
    assert set(outcome.answers) <= {0, 1}
    assert max(seconds for _fault, seconds in outcome.back) < BACK_WITHIN_S
    assert {fault: p99 for fault, p99 in outcome.p99s.items() if p99 > QUICK_WITHIN_S} == {}
    assert outcome.said["Traceback"] == 0
