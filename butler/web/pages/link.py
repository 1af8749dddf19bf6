"""Link: the state of the link to WhatsApp, and the codes that make one."""

import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from butler.errors import UserError
from butler.web.pages.now import HEARTBEAT_S, TICK_S
from butler.web.panel import Panel, back, form_of, page, panel_of
from butler.web.stream import EventStream


async def page_link(request: Request) -> Response:
    """Show the link, and what is to be scanned."""
    return page(request, "link.html", linking=panel_of(request).linking)


async def begin(request: Request) -> Response:
    """Begin to show codes."""
    panel, form = panel_of(request), await form_of(request)
    try:
        await panel.linking.begin(form.get("phone", "").strip() or None)
    except UserError as error:
        return back(request, str(error), is_refusal=True, to="/link")
    return RedirectResponse("/link", 303)


async def stream(request: Request) -> Response:
    """Show it again after each change."""
    return EventStream(_shown(panel_of(request)), request.app.state.viewers)


async def _shown(panel: Panel) -> AsyncIterator[str]:
    version, shown, shown_at = -1, "", 0.0
    while True:
        version = await panel.linking.after(version, TICK_S)
        html = panel.render("_link.html", linking=panel.linking)
        if html != shown or time.monotonic() - shown_at > HEARTBEAT_S:
            shown, shown_at = html, time.monotonic()
            yield html
