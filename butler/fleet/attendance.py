"""What a hub does when a worker comes or goes."""

import logging
from collections.abc import Callable

from butler.chat.message import Reply
from butler.core.services import Services
from butler.errors import TransportError
from butler.fleet import texts
from butler.fleet.hub_events import HubEvents
from butler.fleet.hub_turns import HubTurns
from butler.fleet.member import Member
from butler.fleet.open_turns import OpenTurns
from butler.fleet.registry import Registry
from butler.fleet.tasks import Tasks

logger = logging.getLogger(__name__)


class Attendance:
    """Tells chats of workers that went away with their runs, and of those that came back.

    Args:
        services: Sends to the chats.
        tasks: Run notices.
        registry: Where runs are.
        events: The events of workers.
        open_turns: The turns in their hands.
        turns: Has what is kept for them.
        note_worker: Called with a worker that has gone or is back.
    """

    def __init__(
        self,
        services: Services,
        tasks: Tasks,
        registry: Registry,
        events: HubEvents,
        open_turns: OpenTurns,
        turns: HubTurns,
        note_worker: Callable[..., None],
    ) -> None:
        self._services = services
        self._tasks = tasks
        self._registry = registry
        self._events = events
        self._open_turns = open_turns
        self._turns = turns
        self._note_worker = note_worker
        self._lost: set[int] = set()

    def note_back(self, member: Member) -> None:
        """Go on with what waits for a worker, and see which of its runs it still has."""
        jobs = {number for _chat_id, number in member.card.jobs} if member.card else set()
        for run in self._registry.live_runs(machine=member.name):
            if run.number not in jobs:
                self._registry.job_ended(run.number)
            elif run.number in self._lost:
                self._tell(run.chat_id, texts.returned(member, run.number))
            self._lost.discard(run.number)
        self._registry.forget_questions(member.name, but_of=member.life)
        self._note_worker(member.name, is_away=False)
        self._open_turns.ask_again(member)
        self._turns.note_back(member)

    def note_away(self, member: Member) -> None:
        """Tell the chats what was lost with a worker, as far as is known."""
        self._note_worker(member.name, is_away=True)
        self._open_turns.lose(member)
        self._events.forget_typing(member)
        for run in self._registry.live_runs(machine=member.name):
            self._lost.add(run.number)
            self._tell(run.chat_id, texts.lost_run(member, run.number))

    def note_unreachable(self) -> None:
        """Let the chats go on while Redis is away: nobody can say when their turns will be over."""
        self._open_turns.free_chats()

    def _tell(self, chat_id: str, text: str) -> None:
        self._tasks.run(self._send(chat_id, text), "a notice")

    async def _send(self, chat_id: str, text: str) -> None:
        try:
            await self._services.send(chat_id, Reply(text))
        except TransportError as error:
            logger.warning("a notice was not sent: %s", error)
