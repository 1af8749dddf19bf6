"""Try it: the bot as a chat window, for whoever has no phone at hand."""

import time
from collections.abc import AsyncIterator
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from butler.chat.message import Person
from butler.errors import TransportError
from butler.web.pages.now import HEARTBEAT_S
from butler.web.panel import Panel, back, form_of, page, panel_of
from butler.web.stream import EventStream

CHAT = "try-it"
LONGEST_CHAT = 60


async def page_try(request: Request) -> Response:
    """Show a chat, and the form to write in it."""
    chat, sender = _chat(request.query_params.get("chat")), request.query_params.get("sender", "")
    bubbles = panel_of(request).console.bubbles(chat)
    return page(request, "try.html", chat=chat, sender=sender, bubbles=bubbles)


async def say(request: Request) -> Response:
    """Write in the chat."""
    panel, form = panel_of(request), await form_of(request)
    chat, sender = _chat(form.get("chat")), form.get("sender", "").strip()
    text = form.get("text", "").replace("\r\n", "\n")
    to = f"/try?{urlencode({'chat': chat, 'sender': sender})}"
    try:
        if sender:
            Person.parse(sender)
        if text.strip():
            await panel.console.say(chat, sender, text)
    except (ValueError, TransportError) as error:
        return back(request, str(error), is_refusal=True, to=to)
    if request.headers.get("hx-request") == "true":
        return Response(status_code=204)
    await panel.console.after(panel.console.version, 1.0)
    return RedirectResponse(to, 303)


async def stream(request: Request) -> Response:
    """Show the chat again after each message."""
    chat = _chat(request.query_params.get("chat"))
    return EventStream(_windows(panel_of(request), chat), request.app.state.viewers)


async def _windows(panel: Panel, chat: str) -> AsyncIterator[str]:
    version, shown_at = -1, 0.0
    while True:
        last, version = version, await panel.console.after(version, 1.0)
        if version != last or time.monotonic() - shown_at > HEARTBEAT_S:
            shown_at = time.monotonic()
            yield panel.render("_bubbles.html", bubbles=panel.console.bubbles(chat))


def _chat(name: str | None) -> str:
    """Return the name of a chat as the console takes it: one line of visible characters."""
    shown = "".join(each for each in name or "" if each.isprintable()).strip()
    return shown[:LONGEST_CHAT] or CHAT
