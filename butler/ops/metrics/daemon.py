"""What a daemon shows of its link, its journal, its workers and its machine at each look."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from butler import distribution
from butler.ops.data_files import room
from butler.ops.figures import journal_figures
from butler.ops.metrics.prometheus import PREFIX
from butler.transports.whatsapp import LinkState

STATES = ("starting", "connected", "disconnected", "waiting", "ended")


class DaemonCollector(Collector):
    """Looks at a daemon whenever somebody asks, in a thread of the asking.

    Args:
        data_dir: The data folder.
        state: Returns the state of the link.
        waiting_records: Returns how many records cannot be written for now.
        away: Returns, of each worker that was seen, whether it is away.
    """

    def __init__(
        self,
        data_dir: Path,
        state: Callable[[], LinkState],
        waiting_records: Callable[[], int],
        away: Callable[[], dict[str, bool]],
    ) -> None:
        self._data_dir = data_dir
        self._state = state
        self._waiting_records = waiting_records
        self._away = away

    def collect(self) -> Iterator[Metric]:
        """Yield each metric."""
        yield from _of_link(self._state())
        yield from _of_journal(self._data_dir / "whatsapp" / "journal.sqlite3")
        away = self._away()
        workers = GaugeMetricFamily(f"{PREFIX}workers", "Workers by state.", labels=["state"])
        workers.add_metric(["online"], sum(not each for each in away.values()))
        workers.add_metric(["away"], sum(away.values()))
        yield workers
        yield _gauge("records_waiting", "Records that wait for the disk.", self._waiting_records())
        if (free_bytes := room(self._data_dir)) is not None:
            yield _gauge("free_bytes", "Room on the disk of the data folder.", free_bytes)
        yield _gauge("updated_seconds", "When these figures were read, in Unix time.", time.time())
        info = GaugeMetricFamily(f"{PREFIX}info", "The version.", labels=["version"])
        info.add_metric([distribution.version()], 1)
        yield info


def _of_link(state: LinkState) -> Iterator[Metric]:
    link = GaugeMetricFamily(
        f"{PREFIX}link_state", "1 for the state of the link to WhatsApp.", labels=["state"]
    )
    for each in STATES:
        link.add_metric([each], each == state.name)
    yield link
    yield _gauge("link_since_seconds", "When the link came up or went, in Unix time.", state.since)
    yield CounterMetricFamily(
        f"{PREFIX}gateway_restarts", "Gateways that have ended.", value=state.restarts
    )
    health = state.health
    yield _gauge("link_deaf", "1 if no message can be decrypted.", health.is_deaf)
    yield _gauge("chats_set_aside", "Chats that cannot be written to.", len(health.set_aside))
    if health.acknowledged_in_s is not None:
        said = "How long WhatsApp usually takes to acknowledge a reply."
        yield _gauge("acknowledgement_seconds", said, health.acknowledged_in_s)
    if health.clock_ahead_s is not None:
        said = "How far the clock is ahead of WhatsApp's."
        yield _gauge("clock_ahead_seconds", said, health.clock_ahead_s)


def _of_journal(path: Path) -> Iterator[Metric]:
    try:
        figures = journal_figures(path)
    except sqlite3.Error:
        return  # what cannot be read is missing
    if figures is None:
        return
    since = figures.waiting_since
    oldest_s = 0.0 if since is None else max(0.0, time.time() - since)
    yield _gauge("journal_backlog", "Messages whose turn is not over.", figures.backlog)
    yield _gauge("journal_oldest_seconds", "The age of the oldest of them.", oldest_s)
    yield _gauge("replies_waiting", "Replies that wait to be sent.", figures.untold)
    yield _gauge("replies_unknown", "Replies of a day that may not have come.", figures.unknown)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, meaning, value=value)
