"""Figures: how much, how fast, at what cost, and when the link was down."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response

from butler.records.reading import RecordsReader
from butler.transports.whatsapp import answer_times
from butler.web import figures
from butler.web.figures import DAY_S, DAYS, Series, Span
from butler.web.panel import Panel, page, panel_of

MOST_RUNS = 5_000


async def page_figures(request: Request) -> Response:
    """Show the charts, each with its table."""
    panel, now = panel_of(request), time.time()
    since = now - DAYS * DAY_S
    runs = [each for each in await panel.source.runs(MOST_RUNS) if each.queued_at > since]
    days = figures.days_until(now)
    messages, first_answer, link = await asyncio.to_thread(_of_files, panel, since, now, days)
    series = [
        figures.runs_a_day(runs, days),
        messages,
        first_answer,
        figures.times_a_day("Wait in the queue", figures.queue_waits(runs), days),
        figures.cost_by("Cost by repo", ((each.repo, each.cost_usd or 0.0) for each in runs)),
        figures.cost_by("Cost by person", ((each.person, each.cost_usd or 0.0) for each in runs)),
    ]
    return page(request, "figures.html", series=series, link=link, since=since, now=now)


def _of_files(
    panel: Panel, since: float, now: float, days: list[str]
) -> tuple[Series, Series, list[Span]]:
    data = panel.config.data_dir
    reader = RecordsReader(data / "records.sqlite3")
    done, ignored = dict(reader.counts("audit", since)), dict(reader.counts("ignored", since))
    times = answer_times(data / "whatsapp", since)
    return (
        figures.messages_a_day(done, ignored, days),
        figures.times_a_day("Time to the first answer", times, days),
        figures.spans(reader.link_changes(), since, now),
    )
