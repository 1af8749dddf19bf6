"""What stands before every page: who may ask, from where, and what the browser may do with it."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from butler.web.doorkeeper import Doorkeeper, Visit

HOST = "butler.localhost"
"""Browsers resolve ``*.localhost`` themselves, and no other service shares its cookies."""

FALLBACK_HOST = "127.0.0.1"
MAX_BODY_BYTES = 64 * 1024

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types butler"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With "no-referrer" browsers send forms with the Origin "null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_OPEN = ("/sign-in", "/static/")
"""What a stranger may see; nothing of it is about this Butler."""


class Guard:
    """Middleware that turns away what does not come from the owner's own browser.

    Args:
        app: The pages.
        doorkeeper: Knows who has signed in.
        port: The port that the server listens on.
        welcome: Answers who has not signed in.
    """

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper, port: int, welcome: ASGIApp) -> None:
        self._app = app
        self._doorkeeper = doorkeeper
        self._hosts = {f"{name}:{port}" for name in (HOST, FALLBACK_HOST)}
        self._welcome = welcome

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = self._refusal(request)
        app = self._app
        if refusal is not None:
            app = refusal
        elif not self._is_let_in(request):
            app = self._welcome
        await app(scope, receive, _with_headers(send, request.url.path))

    def _refusal(self, request: Request) -> Response | None:
        headers = request.headers
        if headers.getlist("host") not in [[each] for each in self._hosts]:
            return _said("This is not the name of this panel.", 421)
        is_act = request.method not in {"GET", "HEAD"}
        is_stream = request.url.path.endswith("/stream")
        if (is_act or is_stream) and not _is_from_here(headers):
            return _said("That did not come from a page of this panel.", 403)
        if is_act and not _is_short(headers):
            return _said("That is too long.", 413)
        return None

    def _is_let_in(self, request: Request) -> bool:
        visit = self._doorkeeper.visit(request.cookies.get(self._doorkeeper.cookie))
        request.state.visit = visit or Visit()
        return visit is not None or request.url.path.startswith(_OPEN)


def _is_from_here(headers: Headers) -> bool:
    """Return whether a page of this very origin asks.

    Browsers send no Origin where a page of the same origin only reads, but say that it is so.
    """
    origin = headers.get("origin")
    if origin is not None:
        return origin == f"http://{headers['host']}"
    return headers.get("sec-fetch-site") == "same-origin"


def _is_short(headers: Headers) -> bool:
    """Return whether a body says that it is short; one in chunks may go on, whatever it says."""
    length = int(headers.get("content-length") or MAX_BODY_BYTES + 1)
    return length <= MAX_BODY_BYTES and "transfer-encoding" not in headers


def _with_headers(send: Send, path: str) -> Send:
    # The files of the package may be kept, and are asked after each time; pages may not.
    caching = "no-cache" if path.startswith("/static/") else "no-store"

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", caching)
        await send(message)

    return sent


def _said(text: str, status: int) -> Response:
    return Response(f"{text}\n", status, media_type="text/plain")
