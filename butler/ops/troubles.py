"""What is wrong with a daemon such that WhatsApp may not carry the news of it."""

import time
from collections.abc import Iterator, Mapping

from butler.ops.data_files import LEAST_FREE_BYTES
from butler.transports.whatsapp import LinkState

AWAY_S = 600.0
LOOP_FAILURES = 5
"""Gateways in a row that ended soon after their start."""


def troubles(state: LinkState, free_bytes: int | None, away: Mapping[str, float]) -> dict[str, str]:
    """Return what is wrong now: a sentence by a name that stays the same while it lasts.

    Args:
        state: The state of the link.
        free_bytes: The room on the disk; None if unknown.
        away: The workers that are away.
    """
    return {
        **dict(_of_link(state)),
        **dict(_of_machine(free_bytes)),
        **{f"worker {name} gone": f"The worker {name} does not answer." for name in away},
    }


def _of_link(state: LinkState) -> Iterator[tuple[str, str]]:
    reason = state.reason or "the reason is unknown"
    if state.name == "ended":
        yield "link ended", state.reason
    elif state.rule in ("banned", "refused") and state.name != "connected":
        yield state.rule, reason
    elif state.failures >= LOOP_FAILURES and state.rule != "unreachable":
        yield "gateway crashes", f"The gateway to WhatsApp ends again and again: {reason}"
    elif state.name != "connected" and time.time() - state.since > AWAY_S:
        yield "away", f"WhatsApp has been out of reach for more than 10 min: {reason}"
    if state.health.is_deaf:
        yield "deaf", "No message can be decrypted. Link again: butler unlink, then butler pair"


def _of_machine(free_bytes: int | None) -> Iterator[tuple[str, str]]:
    if free_bytes is not None and free_bytes < LEAST_FREE_BYTES:
        yield "disk full", f"Only {free_bytes / 1e6:,.0f} MB are free where Butler keeps its data."
