"""The words for the state of a link, in the status and wherever else it is told."""

import time

from butler.transports.whatsapp import LinkState


def link_sentence(state: LinkState) -> str:
    """Return what the status says of a link."""
    return link_words(state.name, state.since, state.retry_at, state.reason)


def link_words(link: str, since: float, retry_at: float | None, reason: str) -> str:
    """Return the state of a link, with its times as of this place; they are Unix times."""
    tries = f", tries again at {clock_time(retry_at)}" if retry_at else ""
    return f"{link} since {clock_time(since)}{tries}{f' ({reason})' if reason else ''}"


def clock_time(seconds: float) -> str:
    """Return a time of day, with its date unless that is today's."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%Y-%m-%d %H:%M", then)
