"""Usage limits of the user's account, in every shape that agents report them in."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from butler_run.agents.events import UsageLimit

WARN_AT = 0.8

_LOOKED_AT = 4_000
_MOST_LEVELS = 5
_MILLISECONDS = 10**11
_MOST_AHEAD_S = 40 * 86_400.0
_NAMES = {
    "five_hour": "5-hour",
    "seven_day": "weekly",
    "seven_day_opus": "weekly Opus",
    "seven_day_sonnet": "weekly Sonnet",
}
_TIMES = frozenset({"resetsat", "resetat", "resettime"})
_WAITS = frozenset({"resetsinseconds", "resetinseconds", "resetsafterseconds", "retryafterseconds"})
_REACHED = re.compile(
    r"(?:usage|rate|request|5-hour|weekly|session|spending|daily|plan)[ _-]?limit"
    r"(?:[ _](?:has been |was |is )?(?:reached|exceeded|hit))"
    r"|hit your .{0,30}limit|exceed your .{0,40}rate limit|limit reached"
    r"|rate[ _-]limit(?:ed|_error)"
    r"|usage_limit|resource_exhausted|resource has been exhausted|quota exceeded"
    r"|exhausted your .{0,30}(?:quota|capacity)|exceeded your current quota|too many requests"
    r"|\(429\)|(?:error|status|code):? 429\b",
    re.IGNORECASE,
)
_STAMP = re.compile(r"limit reached\|([0-9]{10}(?:[0-9]{3})?)\b", re.IGNORECASE)
_WAIT = re.compile(
    r"(?:try again|retry|resets?) in(?: (?P<d>[0-9]{1,2}) ?d(?:ays?)?)?"
    r"(?:,? (?P<h>[0-9]{1,3}) ?h(?:ours?)?)?(?:,? (?P<m>[0-9]{1,4}) ?m(?:in(?:utes?)?)?)?"
    r"(?:,? (?P<s>[0-9]{1,6})(?:\.[0-9]{1,9})? ?s(?:econds?)?)?\b",
    re.IGNORECASE,
)
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def limit_of_claude(info: object) -> UsageLimit | None:
    """Return the limit in a ``rate_limit_info``; None if it is not one."""
    if not isinstance(info, dict) or not isinstance(info.get("status"), str):
        return None
    return UsageLimit(
        _NAMES.get(str(info.get("rateLimitType")), ""),
        _share(info.get("utilization")),
        _moment(info.get("resetsAt")),
        is_reached=info["status"] == "rejected",
    )


def limit_in(said: str, *data: object, is_certain: bool = False) -> UsageLimit | None:
    """Return the limit that an error reports as reached; None if it is about something else.

    Args:
        said: The text of the error.
        data: What came with it.
        is_certain: It is known to be about a limit.
    """
    said = said[:_LOOKED_AT]
    if not (is_certain or _REACHED.search(said)):
        return None
    return UsageLimit("", None, _reset_in(said, data), is_reached=True)


def _reset_in(said: str, data: tuple[object, ...]) -> float | None:
    if stamp := _STAMP.search(said):
        return _moment(float(stamp[1]))
    found = next((each for each in map(_reset_of, data) if each is not None), None)
    return found if found is not None else _waited(said)


def _waited(said: str) -> float | None:
    match = _WAIT.search(said)
    parts = {unit: float(match[unit]) for unit in _SECONDS if match[unit]} if match else {}
    wait_s = sum(_SECONDS[unit] * count for unit, count in parts.items())
    return _moment(time.time() + wait_s) if wait_s else None


def _reset_of(data: object) -> float | None:
    for key, value in _pairs(data, _MOST_LEVELS):
        name = key.replace("_", "").casefold()
        if name in _TIMES and (moment := _moment(value)) is not None:
            return moment
        if name in _WAITS and isinstance(value, int | float) and not isinstance(value, bool):
            return _moment(time.time() + value)
    return None


def _pairs(data: object, levels: int) -> Iterator[tuple[str, Any]]:
    if not levels:
        return
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key), value
            yield from _pairs(value, levels - 1)
    elif isinstance(data, list):
        for value in data[:100]:
            yield from _pairs(value, levels - 1)


def _moment(value: object) -> float | None:
    """Return a time in Unix seconds, also of milliseconds; None if it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    seconds = value / 1000 if value > _MILLISECONDS else float(value)
    now = time.time()
    return seconds if now - 60 < seconds < now + _MOST_AHEAD_S else None


def _share(value: object) -> float | None:
    """Return a share from 0 to 1, also of per cent."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return min(1.0, max(0.0, value / 100 if value > 1 else float(value)))
