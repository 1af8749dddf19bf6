"""Now: what is going on."""

import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from butler.web.machines import machine_lines
from butler.web.panel import Panel, page, panel_of
from butler.web.stream import EventStream

TICK_S = 1.0
"""Times that are shown grow by the second."""

HEARTBEAT_S = 5.0
"""A page that hears nothing for longer says so."""


async def page_now(request: Request) -> Response:
    """Show the daemon, the runs, and the latest messages."""
    machines = await machine_lines(panel_of(request).config)
    return page(request, "now.html", machines=machines, now=time.time())


async def stream(request: Request) -> Response:
    """Show them again after each change."""
    panel = panel_of(request)
    return EventStream(fragments(panel, "_now.html"), request.app.state.viewers)


async def fragments(panel: Panel, template: str) -> AsyncIterator[str]:
    """Yield a part of a page when it has changed, and now and then in any case."""
    version, shown, shown_at = -1, "", 0.0
    while True:
        version = await panel.live.after(version, TICK_S)
        html = panel.fragment(template, version)
        if html != shown or time.monotonic() - shown_at > HEARTBEAT_S:
            shown, shown_at = html, time.monotonic()
            yield html
