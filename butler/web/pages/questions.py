"""Questions: what agents wait for."""

from starlette.requests import Request
from starlette.responses import Response

from butler.web.pages.now import fragments
from butler.web.panel import page, panel_of
from butler.web.stream import EventStream


async def page_questions(request: Request) -> Response:
    """Show the open questions, whole."""
    return page(request, "questions.html")


async def stream(request: Request) -> Response:
    """Show them again after each change."""
    panel = panel_of(request)
    return EventStream(fragments(panel, "_questions.html"), request.app.state.viewers)
