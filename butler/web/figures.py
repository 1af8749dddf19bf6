"""Figures of the last days: series for charts and for the tables beside them."""

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from butler.chat.text import duration
from butler.core.overview import RunSummary

DAYS = 30
DAY_S = 86_400.0
WIDTH, HEIGHT, BELOW = 640, 150, 18
_MOST_NAMES = 15


class Row(NamedTuple):
    """A line of a table: its label, and a value for each column; None where there is none."""

    label: str
    values: tuple[float | None, ...]


class Bar(NamedTuple):
    """A bar of a chart, in its units; ``kind`` is the number of its column."""

    x: float
    y: float
    width: float
    height: float
    kind: int


@dataclass(frozen=True, slots=True)
class Series:
    """What a chart and its table show.

    Attributes:
        title: What it is.
        columns: The names of the values.
        rows: The lines, oldest or largest first.
        unit: ``count``, ``seconds`` or ``dollars``.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    unit: str = "count"

    @property
    def top(self) -> float:
        """The largest value."""
        return max((value or 0.0 for row in self.rows for value in row.values), default=0.0)

    @property
    def bars(self) -> list[Bar]:
        """The bars of the chart."""
        top, count = self.top, len(self.rows)
        if not top:
            return []
        step = WIDTH / count
        width = step * 0.8 / len(self.columns)
        return [
            Bar(
                n * step + kind * width,
                HEIGHT * (1 - value / top),
                width,
                HEIGHT * value / top,
                kind,
            )
            for n, row in enumerate(self.rows)
            for kind, value in enumerate(row.values)
            if value
        ]

    def shown(self, value: float | None) -> str:
        """Return a value in words."""
        if value is None:
            return "–"
        match self.unit:
            case "seconds":
                return f"{value:.1f} s" if value < 60 else duration(value)
            case "dollars":
                return f"${value:,.2f}"
            case _:
                return f"{value:,.0f}"


def days_until(now: float, count: int = DAYS) -> list[str]:
    """Return the last days of this place's calendar, oldest first."""
    return list(dict.fromkeys(day_of(now - n * DAY_S) for n in range(count - 1, -1, -1)))


def day_of(seconds: float) -> str:
    """Return the day of a time, as in ``2026-11-28``."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds))


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value that this share of the values does not exceed; None if there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def runs_a_day(runs: Iterable[RunSummary], days: Sequence[str]) -> Series:
    """Return how many runs were asked for each day."""
    counts: dict[str, int] = defaultdict(int)
    for run in runs:
        counts[day_of(run.queued_at)] += 1
    return Series("Runs a day", ("runs",), [Row(day, (counts.get(day, 0),)) for day in days])


def messages_a_day(
    done: Mapping[str, int], ignored: Mapping[str, int], days: Sequence[str]
) -> Series:
    """Return how many commands were carried out, and messages not acted on, each day."""
    rows = [Row(day, (done.get(day, 0), ignored.get(day, 0))) for day in days]
    return Series("Messages a day", ("done", "not acted on"), rows)


def times_a_day(title: str, times: Iterable[tuple[float, float]], days: Sequence[str]) -> Series:
    """Return the median and the 99th percentile of each day.

    Args:
        title: What the times are.
        times: When, in Unix seconds, and how long.
        days: The days.
    """
    by_day: dict[str, list[float]] = defaultdict(list)
    for when, seconds in times:
        by_day[day_of(when)].append(seconds)
    rows = [Row(day, (quantile(by_day[day], 0.5), quantile(by_day[day], 0.99))) for day in days]
    return Series(title, ("p50", "p99"), rows, "seconds")


def queue_waits(runs: Iterable[RunSummary]) -> list[tuple[float, float]]:
    """Return when runs were asked for, and how long they waited."""
    return [(each.queued_at, each.started_at - each.queued_at) for each in runs if each.started_at]


def cost_by(title: str, named: Iterable[tuple[str, float]]) -> Series:
    """Return the cost of each name, the largest first."""
    costs: dict[str, float] = defaultdict(float)
    for name, dollars in named:
        costs[name] += dollars
    largest = sorted(costs.items(), key=lambda item: -item[1])[:_MOST_NAMES]
    return Series(title, ("cost",), [Row(name, (cost,)) for name, cost in largest], "dollars")


class Span(NamedTuple):
    """A time in which the link was in one state, in Unix seconds."""

    state: str
    begin: float
    end: float
    reason: str = ""


def spans(changes: Sequence[tuple[float, str, str]], since: float, now: float) -> list[Span]:
    """Return the states of the link one after the other, since then.

    Args:
        changes: Time, state and reason of each change, oldest first.
        since: What was before is left out.
        now: The end of the last one.
    """
    if not changes:
        return []
    ends = [*(when for when, _state, _reason in changes[1:]), now]
    return [
        Span(state, max(when, since), end, reason)
        for (when, state, reason), end in zip(changes, ends, strict=True)
        if end > since
    ]
