"""What all pages of a panel share."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from butler.config.schema import Config
from butler.web.console import Console
from butler.web.doorkeeper import Doorkeeper, Visit
from butler.web.linking import Linking
from butler.web.live import Live
from butler.web.source import Source

MENU = (
    ("/", "Now"),
    ("/questions", "Questions"),
    ("/chats", "Chats"),
    ("/log", "Why and audit"),
    ("/figures", "Figures"),
    ("/link", "Link"),
    ("/check", "Check"),
    ("/try", "Try it"),
)


class Fragments:
    """The parts of pages that several viewers get."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, str]] = {}

    def kept(self, template: str, key: object, render: Callable[[str], str]) -> str:
        """Return what was rendered under this key, or render it now."""
        found = self._kept.get(template)
        if found is None or found[0] != key:
            found = self._kept[template] = key, render(template)
        return found[1]


@dataclass(frozen=True, slots=True)
class Panel:
    """An open panel.

    Attributes:
        config: The configuration.
        config_path: Its file.
        is_read_only: Whether nothing can be done from here.
        doorkeeper: Knows who has signed in.
        environment: The templates.
        source: Asks the daemon.
        live: What is going on.
        linking: The pairing in progress, if there is one.
        console: The bot behind "Try it".
        fragments: The parts of pages that are sent again and again.
    """

    config: Config
    config_path: Path
    is_read_only: bool
    doorkeeper: Doorkeeper
    environment: Environment
    source: Source
    live: Live
    linking: Linking
    console: Console
    fragments: Fragments

    def render(self, template: str, **values: object) -> str:
        """Return a template filled with values, and with what all of them may use."""
        return self.environment.get_template(template).render(
            panel=self, snapshot=self.live.snapshot, names=self.live.snapshot.names, **values
        )

    def fragment(self, template: str, version: object) -> str:
        """Return a part of a page, rendered once a second for all who look at the same version."""
        return self.fragments.kept(template, (version, int(time.time())), self.render)


def panel_of(request: Request) -> Panel:
    """Return the panel that a request is for."""
    panel: Panel = request.app.state.panel
    return panel


def visit_of(request: Request) -> Visit:
    """Return who asks."""
    visit: Visit = request.state.visit
    return visit


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page, with what there is to say from before."""
    notice, is_refusal = visit_of(request).take_notice()
    html = panel_of(request).render(
        template,
        menu=[each for each in MENU if not (panel_of(request).is_read_only and each[0] == "/try")],
        path=request.url.path,
        notice=notice,
        is_refusal=is_refusal,
        **values,
    )
    return HTMLResponse(html, status)


def back(request: Request, said: str, *, is_refusal: bool = False, to: str = "/") -> Response:
    """Return to a page, which says something; htmx, if it asked, shows that alone."""
    if request.headers.get("hx-request") == "true":
        html = panel_of(request).render("_notice.html", notice=said, is_refusal=is_refusal)
        return HTMLResponse(html)
    visit = visit_of(request)
    visit.notice, visit.is_refusal = said, is_refusal
    return RedirectResponse(to, 303)


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form; of a repeated one, the first."""
    fields = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
