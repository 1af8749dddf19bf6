"""What agents say of their retries, and what they do before they can start, for the status."""

import re
from collections.abc import Mapping
from typing import Any

from butler import duration
from butler_run.agents.events import Delayed

_CAUSES = {
    "overloaded": "the model is overloaded",
    "rate_limit": "the rate limit is reached",
    "server_error": "the model's server fails",
    "authentication_failed": "the login was refused",
    "billing_error": "the account has no credit",
}
_REFUSALS = {
    "authentication_failed": "API Error: 401",
    "billing_error": "Credit balance is too low",
}
_ENOUGH = 2
_NO_CONNECTION = "the model cannot be reached"
_FAILED = "a request failed"
_OVERLOADED = 529

_RETRY = re.compile(r"(?i)\bretr(?:y|ying|ies)\b|\btr(?:y|ying|ies) again\b|\breconnecting\b")
_ATTEMPT = re.compile(
    r"(?i)(?:retr(?:y|ying)|attempt|reconnecting)[ .…:#(]*([0-9]{1,4})(?: ?/ ?| of )([0-9]{1,4})"
)
_DELAY = re.compile(r"(?i)\b(?:in|after|for) ~?([0-9]{1,7}(?:\.[0-9]{1,9})?) ?(ms|m(?:in)?|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0}
_CAUSE_OF = (
    (re.compile(r"(?i)overloaded|\b529\b|service unavailable|\b503\b"), _CAUSES["overloaded"]),
    (re.compile(r"(?i)rate.?limit|\b429\b|quota|resource.?exhausted"), _CAUSES["rate_limit"]),
    (re.compile(r"(?i)connect|network|timed? ?out|ECONN|ENOTFOUND|EAI_AGAIN"), _NO_CONNECTION),
    (re.compile(r"(?i)\b50[0-9]\b|server error"), _CAUSES["server_error"]),
)
_RUNNERS = {"npx": "npx", "bunx": "bunx", "uvx": "uvx", "pipx": "pipx", "dlx": "pnpm"}
_MOST_OF_A_LINE = 500


def delay_of_claude(message: Mapping[str, Any]) -> Delayed:
    """Return what a message ``system/api_retry`` of Claude Code says."""
    status = message.get("error_status")
    kind = "overloaded" if status == _OVERLOADED else message.get("error")
    cause = _NO_CONNECTION if status is None else _CAUSES.get(str(kind), _FAILED)
    delay_ms = message.get("retry_delay_ms")
    return _delayed(
        cause,
        message.get("attempt"),
        message.get("max_retries"),
        delay_ms / 1000 if isinstance(delay_ms, int | float) else None,
    )


def refusal_of_claude(message: Mapping[str, Any]) -> str | None:
    """Return the error in ``system/api_retry`` that no further try mends; None if one may.

    The first may be that of a login which is renewed just now.
    """
    attempt = message.get("attempt")
    is_final = isinstance(attempt, int) and attempt >= _ENOUGH
    return _REFUSALS.get(str(message.get("error"))) if is_final else None


def delay_in(line: str) -> Delayed | None:
    """Return what a line of a log says of a retry; None if it is about something else."""
    line = line[:_MOST_OF_A_LINE]
    if not _RETRY.search(line):
        return None
    cause = next((said for pattern, said in _CAUSE_OF if pattern.search(line)), _FAILED)
    attempt, delay = _ATTEMPT.search(line), _DELAY.search(line)
    return _delayed(
        cause,
        int(attempt[1]) if attempt else None,
        int(attempt[2]) if attempt else None,
        float(delay[1]) * _SECONDS[delay[2].lower()] if delay else None,
    )


def downloading(runner: str) -> Delayed:
    """Return that a program downloads the agent before it starts it."""
    return Delayed(f"{runner} is downloading the agent")


def runner_of(command: tuple[str, ...]) -> str:
    """Return the program that would download the agent of ``command`` first; empty if none."""
    words = [each.rpartition("/")[2] for each in command[:2]]
    return next((_RUNNERS[each] for each in words if each in _RUNNERS), "")


def _delayed(cause: str, attempt: object, most: object, delay_s: float | None) -> Delayed:
    which = f" {attempt}" if isinstance(attempt, int) else ""
    which += f" of {most}" if which and isinstance(most, int) else ""
    when = f" in {duration(delay_s)}" if delay_s is not None and delay_s >= 1 else ""
    return Delayed(f"{cause}, tries again{which}{when}")
