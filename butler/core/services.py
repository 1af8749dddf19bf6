"""What all handler calls of one bot share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, TypeVarTuple

from butler.chat.message import Reply
from butler.chat.text import without_controls
from butler.chat.transport import Transport
from butler.core.attachments import FileRules
from butler.core.fleet import Fleet
from butler.core.gate import Judge
from butler.core.jobs import Jobs
from butler.core.router import Router
from butler.core.session_threads import SessionThreads
from butler.core.turns import Turns
from butler.records.model import Records
from butler.repos.registry import RepoRegistry
from butler.sessions import SessionManager

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class Services:
    """Services shared by all handler calls of one bot."""

    sessions: SessionManager
    repos: RepoRegistry
    router: Router
    gate: Judge
    transport: Transport
    jobs: Jobs
    records: Records
    turns: Turns = field(default_factory=Turns)
    fleet: Fleet | None = None
    file_rules: FileRules = field(default_factory=FileRules)
    session_threads: SessionThreads = field(default_factory=SessionThreads)

    async def in_session_thread(self, operation: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call a method of the sessions off the event loop.

        If it may wait for a network, it does so in threads of its own: those of everything else
        are few, and must not all wait for sessions.
        """
        return await self.session_threads.run(operation, *args)

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Send ``reply`` without control characters, its commands with the configured prefix.

        A document is a file, not Butler's own text, so its commands are left unchanged.
        """
        text = reply.text
        if not text.isprintable():
            text = without_controls(text)
        if self.router.prefix != "/" and reply.file_name is None:
            text = self.router.with_prefix(text)
        if text is not reply.text:
            reply = reply._replace(text=text)
        return await self.transport.send(chat_id, reply)
