"""The panel as an ASGI application: its routes, and what to say where one fails."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from butler.errors import ButlerError
from butler.sessions import StoreError
from butler.web.guard import Guard
from butler.web.pages import (
    acts,
    chats,
    check,
    figures,
    link,
    log,
    now,
    questions,
    runs,
    sign_in,
    try_it,
)
from butler.web.panel import Panel, page
from butler.web.stream import Viewers

Endpoint = Callable[[Request], Awaitable[Response]]

_STATIC = Path(__file__).with_name("static")


def make_application(panel: Panel, port: int) -> Starlette:
    """Return the application of a panel that listens on a port."""
    application = Starlette(
        routes=[*_reads(), *([] if panel.is_read_only else _acts())],
        middleware=[
            Middleware(GZipMiddleware),
            Middleware(
                Guard, doorkeeper=panel.doorkeeper, port=port, welcome=sign_in.welcome(panel)
            ),
        ],
        exception_handlers={
            404: _missing,
            405: _read_only,
            ButlerError: _failed,
            StoreError: _failed,
        },
    )
    application.state.panel = panel
    application.state.viewers = Viewers()
    return application


def _reads() -> list[Route | Mount]:
    return [
        Route("/", now.page_now),
        Route("/now/stream", now.stream),
        Route("/questions", questions.page_questions),
        Route("/questions/stream", questions.stream),
        Route("/runs", runs.page_runs),
        Route("/runs/{number:int}", runs.page_run),
        Route("/runs/{number:int}/patch", runs.patch),
        Route("/chats", chats.page_chats),
        Route("/log", log.page_log),
        Route("/log/export.{form}", log.export),
        Route("/figures", figures.page_figures),
        Route("/link", link.page_link),
        Route("/link/stream", link.stream),
        Route("/check", check.page_check),
        Route("/sign-in", sign_in.page_sign_in),
        Route("/sign-in", sign_in.sign_in, methods=["POST"]),
        Route("/sign-out", sign_in.sign_out, methods=["POST"]),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]


def _acts() -> list[Route]:
    return [
        Route("/act", acts.act, methods=["POST"]),
        Route("/link", link.begin, methods=["POST"]),
        Route("/try", try_it.page_try),
        Route("/try/stream", try_it.stream),
        Route("/try", try_it.say, methods=["POST"]),
    ]


async def _missing(request: Request, _error: Exception) -> Response:
    said = "There is no such page. The menu lists those that there are."
    return page(request, "problem.html", 404, title="Not found", said=said)


async def _read_only(request: Request, _error: Exception) -> Response:
    said = "This panel only shows. To act from it, start it without --read-only: butler panel"
    return page(request, "problem.html", 405, title="Only to look at", said=said)


async def _failed(request: Request, error: Exception) -> Response:
    return page(request, "problem.html", 503, title="That cannot be shown now", said=str(error))
