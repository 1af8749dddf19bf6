"""Usage limits, in the words and shapes of several agents."""

import time

import pytest

from butler_run.agents.usage_limits import limit_in, limit_of_claude


@pytest.mark.parametrize(
    ("said", "data", "resets_in"),
    [
        ("Claude AI usage limit reached|{at}", None, 3_600),
        ("Internal error: 5-hour limit reached|{at}000", None, 3_600),
        (
            "API Error: Request rejected (429) · This request would exceed your rate limit.",
            {},
            None,
        ),
        ("Internal error: boom", {"errorKind": "x", "usage_limit": True}, "none"),
        ("You've hit your usage limit. Try again in 1 hour 5 minutes.", None, 3_900),
        ("The usage limit has been reached", {"error": {"resets_in_seconds": 7_200}}, 7_200),
        ("rate limited", {"rateLimits": [{"primary": {"resetsAt": "{at}"}}]}, 3_600),
        ("You have exhausted your daily quota on this model.", None, None),
        ("429: RESOURCE_EXHAUSTED", {"resetsAt": 12}, None),
        ("I wrote 429 lines", None, "none"),
    ],
)
def test_limits_are_found_with_their_reset(clock, said, data, resets_in):
    at = int(clock.now) + 3_600
    if data == {"rateLimits": [{"primary": {"resetsAt": "{at}"}}]}:
        data = {"rateLimits": [{"primary": {"resetsAt": at * 1_000}}]}

    limit = limit_in(said.replace("{at}", str(at)), data)

    if resets_in == "none":
        assert limit is None
        return
    assert limit.is_reached
    if resets_in is None:
        assert limit.resets_at is None
    else:
        assert limit.resets_at == pytest.approx(clock.now + resets_in, abs=1)


@pytest.mark.parametrize("info", [None, [], {}, {"status": 3}])
def test_what_is_no_report_on_a_limit_is_none(info):
    assert limit_of_claude(info) is None


def test_shares_are_read_in_per_cent_too():
    info = {"status": "rejected", "utilization": 85, "rateLimitType": "seven_day_opus"}

    limit = limit_of_claude(info | {"resetsAt": time.time() - 3_600})

    assert (limit.name, limit.share, limit.resets_at) == ("weekly Opus", 0.85, None)
