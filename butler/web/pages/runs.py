"""Runs: the list of all, and one in full."""

import asyncio
import time

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from butler.core.overview import RunReport
from butler.web.diffs import read_patch
from butler.web.panel import page, panel_of

A_PAGE = 50
MOST_DIGITS = 15
"""Of the number of a run; SQLite does not take much longer ones."""


async def page_runs(request: Request) -> Response:
    """List the runs, newest first, in pages."""
    before = request.query_params.get("before", "")
    number = int(before) if before.isdecimal() and len(before) <= MOST_DIGITS else None
    runs = await panel_of(request).source.runs(A_PAGE, number)
    following = runs[-1].number if len(runs) == A_PAGE else None
    return page(request, "runs.html", runs=runs, following=following, now=time.time())


async def page_run(request: Request) -> Response:
    """Show a run with its prompt, its answer and its changes."""
    report = await _report(request)
    view = "side" if request.query_params.get("view") == "side" else "unified"
    patch = await asyncio.to_thread(read_patch, report.patch)
    return page(
        request,
        "run.html",
        report=report,
        run=report.summary,
        patch=patch,
        view=view,
        now=time.time(),
    )


async def patch(request: Request) -> Response:
    """Hand out the changes of a run as a file."""
    report = await _report(request)
    name = f"run-{report.summary.number}.patch"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    content = report.patch.encode("utf-8", "surrogateescape")
    return Response(content, headers=headers, media_type="application/octet-stream")


async def _report(request: Request) -> RunReport:
    number = request.path_params["number"]
    is_one = number < 10**MOST_DIGITS
    report = await panel_of(request).source.report(number) if is_one else None
    if report is None:
        raise HTTPException(404)
    return report
