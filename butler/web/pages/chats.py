"""Chats: their repos, and what they use."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from butler.app import open_sessions
from butler.config.schema import Config
from butler.core.overview import RunSummary
from butler.sessions import Session
from butler.web.panel import page, panel_of

DAY_S = 86_400.0
MOST_RUNS = 1_000
MOST_CHATS = 200
_IN_MEMORY = 'sessions.store is "memory": only the daemon itself can see them.'


@dataclass(slots=True)
class ChatLine:
    """A chat with what is known of it; ``runs`` are those of the last day."""

    chat_id: str
    session: Session | None = None
    runs: list[RunSummary] = field(default_factory=list)
    agent: str = ""

    @property
    def cost_usd(self) -> float:
        """What its runs of the last day cost."""
        return sum(each.cost_usd or 0.0 for each in self.runs)


async def page_chats(request: Request) -> Response:
    """List the chats, and what can be done about them."""
    panel = panel_of(request)
    runs = await panel.source.runs(MOST_RUNS)
    in_memory = panel.config.sessions.store == "memory"
    sessions = [] if in_memory else await asyncio.to_thread(_sessions, panel.config)
    chats = chat_lines(sessions, runs, time.time())
    said = _IN_MEMORY if in_memory else ""
    return page(request, "chats.html", chats=chats, said=said, now=time.time())


def chat_lines(
    sessions: Iterable[Session], runs: Iterable[RunSummary], now: float
) -> list[ChatLine]:
    """Return a line for each chat with a session or a run, in the order of their last use."""
    lines = {each.chat_id: ChatLine(each.chat_id, each) for each in sessions}
    for run in runs:
        line = lines.setdefault(run.chat_id, ChatLine(run.chat_id))
        line.agent = line.agent or run.agent
        if run.queued_at > now - DAY_S:
            line.runs.append(run)
    return list(lines.values())


def _sessions(config: Config) -> list[Session]:
    with open_sessions(config) as sessions:
        return list(sessions.recent_sessions(MOST_CHATS))
