"""Coming in by the link that `butler panel` prints."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from butler.web.doorkeeper import Refused
from butler.web.panel import Panel, form_of, panel_of

_SAID = {
    Refused.USED: "This link was used already: each works once.",
    Refused.EXPIRED: "This link is too old: each works for ten minutes.",
    Refused.UNKNOWN: "This link is not from the panel that runs here now.",
}
_WAY_OUT = "Get a new one with: butler panel"


def welcome(panel: Panel) -> ASGIApp:
    """Return what answers who has not signed in: where to get a link."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["method"] == "GET" and "text/html" in Request(scope).headers.get(
            "accept", ""
        )
        said = "You are not signed in here." if is_page else "Not signed in."
        await _page(panel, said, 401)(scope, receive, send)

    return answered


async def page_sign_in(request: Request) -> Response:
    """Show the form that the link fills in by itself."""
    return _page(panel_of(request), "", 200)


async def sign_in(request: Request) -> Response:
    """Exchange the token of a link for the cookie."""
    panel, form = panel_of(request), await form_of(request)
    token = form.get("token", "").strip().rpartition("#")[2]
    let_in = panel.doorkeeper.let_in(token)
    if isinstance(let_in, Refused):
        return _page(panel, f"{_SAID[let_in]} {_WAY_OUT}", 403)
    response = RedirectResponse("/", 303)
    response.set_cookie(panel.doorkeeper.cookie, let_in, httponly=True, samesite="strict")
    return response


async def sign_out(request: Request) -> Response:
    """Forget this browser."""
    panel = panel_of(request)
    panel.doorkeeper.sign_out(request.cookies.get(panel.doorkeeper.cookie))
    response = _page(panel, f"You have signed out. {_WAY_OUT}", 200)
    response.delete_cookie(panel.doorkeeper.cookie)
    return response


def _page(panel: Panel, said: str, status: int) -> HTMLResponse:
    return HTMLResponse(panel.render("sign_in.html", said=said), status)
