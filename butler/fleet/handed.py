"""What a worker's bot asks where a hub has already decided: judge, sessions, records, fleet."""

import time
from collections.abc import Callable, Container, Iterable, Sequence

from butler.access.rules import Refusal, Role
from butler.chat.message import Message
from butler.core.commands import Command
from butler.core.fleet import Machine, OpenQuestion, Placed
from butler.core.gate import HEAR, Hear, Say, TakesCommand, Verdict
from butler.core.router import Call, Router
from butler.errors import TransportError
from butler.fleet.broker import Broker, next_run_number
from butler.fleet.frames import (
    Asked,
    Audited,
    Closed,
    JobBegan,
    JobEnded,
    Judged,
    RoleAsked,
    Used,
)
from butler.fleet.links import Links
from butler.fleet.names import parted
from butler.fleet.turns import HandedTurns, for_hub
from butler.records.model import Ignored, Records
from butler.sessions import MemoryStore, Session


class HandedJudge:
    """Says what the hub decided, within what this machine allows; a ``Judge``.

    Args:
        turns: The turns in hand.
        router: The commands of this machine.
        links: To the hubs.
        machine: The name of this machine.
        repos: The only repos that hubs may use; None for all.
    """

    def __init__(
        self,
        turns: HandedTurns,
        router: Router,
        links: Links,
        machine: str,
        repos: Container[str] | None = None,
    ) -> None:
        self._turns = turns
        self._router = router
        self._links = links
        self._machine = machine
        self._repos = repos

    @property
    def has_audiences(self) -> bool:
        """Whether hubs may not use all repos."""
        return self._repos is not None

    def role(self, message: Message) -> Role:
        """Return the role that the hub gave the sender."""
        turn = self._turns.of(message)
        return Role.EVERYONE if turn is None else Role(turn.frame.role)

    async def role_now(self, message: Message) -> Role:
        """Ask the hub."""
        chat_id = parted(message.chat_id)[1]
        asked = RoleAsked(for_hub(message, chat_id))
        try:
            outcome = await self._links.outcome_of(message.chat_id, asked)
        except TransportError:  # the hub is no longer paired with this machine
            return Role.EVERYONE
        if not isinstance(outcome, Judged):
            return Role.EVERYONE
        self._turns.note_may(message, outcome.may)
        return Role(outcome.role)

    def judge(
        self,
        message: Message,
        role: Role,
        takes_command: TakesCommand = lambda _message, _role: False,
    ) -> Verdict:
        """Return what is to be done."""
        turn = self._turns.of(message)
        if turn is None or turn.frame.command is None:
            return HEAR
        command = self._router.get(turn.frame.command)
        if command is None:
            said = f"{self._machine} has no /{turn.frame.command}."
            return Say(said, Refusal("not a command", f"/{turn.frame.command} is not there"))
        return Call(command, turn.frame.argument)

    def count(self, message: Message, role: Role) -> None:
        """Let the hub count plain text that was answered."""
        turn = self._turns.of(message)
        if turn is not None:
            turn.is_counted = True

    def allowed_commands(self, message: Message, role: Role) -> list[Command]:
        """Return the commands that the hub lets the sender use."""
        may = self._turns.may(message)
        return [each for each in self._router.commands if each.name in may]

    def may_see(self, repo_name: str, message: Message, role: Role) -> bool:
        """Return whether hubs may use a repo; who may see it, the hub has looked after."""
        return self._repos is None or repo_name in self._repos


class HandedSessions(MemoryStore):
    """The sessions as they came with the turns; a change goes back to the hub."""

    def __init__(self, links: Links) -> None:
        super().__init__()
        self._links = links

    def take(self, chat_id: str, repo: str | None) -> None:
        """Take over the active repo of a chat from its hub."""
        if repo is None:
            self.delete(chat_id)
        else:
            super().put(Session(chat_id, repo, "", time.time()))

    def put(self, session: Session) -> Session | None:
        """Change the session, here and at the hub."""
        self._links.report(
            session.chat_id, Used(session.active_repo or "", session.active_repo_path or "")
        )
        return super().put(session)


class HandedRecords:
    """The worker's own records, of which the hub gets its part; a ``Records``."""

    def __init__(self, own: Records, turns: HandedTurns, links: Links) -> None:
        self._own = own
        self._turns = turns
        self._links = links

    def ignored(self, message: Message, refusal: Refusal) -> None:
        """Record it, and let the hub record it, too."""
        self._own.ignored(message, refusal)
        turn = self._turns.of(message)
        if turn is not None:
            turn.is_unheard = turn.frame.command is None

    def done(
        self, message: Message, command: str, repo: str, result: str, detail: str = ""
    ) -> None:
        """Record it, and let the hub record it, too: with the end of the turn, or later."""
        self._own.done(message, command, repo, result, detail)
        turn = self._turns.of(message)
        if turn is not None and not turn.result and turn.frame.command == command:
            turn.result, turn.repo, turn.detail = result, repo, detail
            return
        stub = for_hub(message, parted(message.chat_id)[1])
        self._links.report(message.chat_id, Audited(stub, command, repo, result, detail))

    @property
    def problem(self) -> str:
        """Why nothing can be recorded here for now; empty while it can be."""
        return self._own.problem

    def flush(self) -> None:
        """Write what is here to the disk."""
        self._own.flush()

    async def flushed(self) -> None:
        """Write what is here to the disk."""
        await self._own.flushed()

    def was_done(self, message: Message) -> bool:
        """Return whether a message is recorded here as handled."""
        return self._own.was_done(message)

    def last_ignored(self, limit: int, chat_id: str | None = None) -> list[Ignored]:
        """Return what is recorded here."""
        return self._own.last_ignored(limit, chat_id)


class WorkerFleet:
    """What a worker's bot asks of its fleet; nothing is handed on from here."""

    def __init__(
        self,
        broker: Broker,
        name: str,
        jobs: set[tuple[str, int]],
        links: Links,
        show: Callable[[], None],
        offer: Callable[[Callable[[], Iterable[str]]], None],
    ) -> None:
        self.works_at = name
        self._show = show
        self.offer = offer
        self._broker = broker
        self._jobs = jobs
        self._links = links

    def takes_command(self, word: str) -> bool:
        """Return False: nothing is handed on from here."""
        return False

    def overtakes(self, message: Message) -> bool:
        """Return False: the bot itself knows."""
        return False

    async def hand_over(
        self, message: Message, role: Role, verdict: Call | Hear, is_meant: Callable[[], bool]
    ) -> Placed:
        """Leave it here."""
        return verdict

    def machines(self, message: Message, role: Role) -> Sequence[Machine]:
        """Return none: the hub knows them."""
        return ()

    async def next_number(self, after: int) -> int:
        """Return the number of the next run on any machine."""
        return await next_run_number(self._broker, after)

    def job_began(self, chat_id: str, number: int) -> None:
        """Tell the hub."""
        self._jobs.add((chat_id, number))
        self._show()
        self._links.report(chat_id, JobBegan(number))

    def job_ended(self, chat_id: str, number: int) -> None:
        """Tell the hub."""
        self._jobs.discard((chat_id, number))
        self._show()
        self._links.report(chat_id, JobEnded(number))

    def question_asked(self, question: OpenQuestion) -> None:
        """Tell the hub."""
        asked = Asked(question.number, question.code, question.rejections, question.text_of)
        self._links.report(question.chat_id, asked)

    def question_closed(self, question: OpenQuestion) -> None:
        """Tell the hub."""
        self._links.report(question.chat_id, Closed(question.number, question.code))
