"""A hub: hands the turns of its chats to the machines that have the repos."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from butler.access.rules import Role
from butler.chat.message import Message
from butler.core.chat_names import ChatNames
from butler.core.fleet import Machine, MachineRepo, OpenQuestion, Placed
from butler.core.gate import Hear
from butler.core.router import Call
from butler.core.services import Services
from butler.errors import DataError, UnknownRepoError
from butler.fleet.attendance import Attendance
from butler.fleet.broker import Broker, BrokerError, next_run_number
from butler.fleet.directory import LOOK_EVERY_S, Directory
from butler.fleet.files import stored_files
from butler.fleet.hub_events import HubEvents
from butler.fleet.hub_turns import HubTurns
from butler.fleet.journal import Journal
from butler.fleet.keys import WorkerKeys
from butler.fleet.member import Member
from butler.fleet.open_turns import OpenTurns
from butler.fleet.pairing import welcome
from butler.fleet.placing import Placing
from butler.fleet.registry import Registry
from butler.fleet.streams import Reader, of_hub
from butler.fleet.tasks import Tasks
from butler.fleet.wire import StaleError, WireError, sender_of

logger = logging.getLogger(__name__)

MAX_AGE_S = 900.0

MOST_UNHEARD = 200
"""Numbers that an emptied Redis may have given or left out before, unknown to the hub."""


@dataclass(frozen=True, slots=True)
class HubOptions:
    """What a hub is.

    Attributes:
        machine: The name of this machine.
        name: The name of this hub: that of the machine, and more if it has several.
        workers: The workers that are invited and paired.
        journal_path: Where the journal is.
        max_age_s: For so long messages are kept for a machine that is away.
        note_worker: Called with a worker that has gone or is back.
        media_folder: Where the files go that workers send.
    """

    machine: str
    name: str
    workers: WorkerKeys
    journal_path: Path
    media_folder: Path
    max_age_s: float = MAX_AGE_S
    note_worker: Callable[..., None] = lambda _name, **_is_away: None


class Hub:
    """The fleet as a hub's bot sees it; a ``Fleet``.

    Args:
        broker: Redis.
        options: What this hub is.
        services: What the handlers of its bot share.
    """

    works_at = ""

    def __init__(self, broker: Broker, options: HubOptions, services: Services) -> None:
        self._broker = broker
        self._options = options
        self._services = services
        self._life = int(time.time() * 1000)
        self._tasks = Tasks("the hub")
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self._journal = Journal(options.journal_path)
        self._registry = registry = Registry(self._journal)
        open_turns = OpenTurns(services.transport.is_withdrawn)
        self._directory = directory = Directory(
            broker,
            options.name,
            options.workers.keys,
            self._member,
            self._numbers,
        )
        self._placing = Placing(options.machine, directory, registry, self._has_repo)
        self._turns = HubTurns(
            *(options.name, options.max_age_s, services, self._journal, registry),
            *(directory, self._placing, open_turns, partial(stored_files, broker)),
        )
        self._events = HubEvents(
            *(broker, services, open_turns, registry, self._journal, self._tasks),
            media_folder=options.media_folder,
        )
        attendance = Attendance(
            *(services, self._tasks, registry, self._events, open_turns, self._turns),
            options.note_worker,
        )
        directory.report_to(attendance)
        self._open_turns = open_turns

    async def __aenter__(self) -> Self:
        with suppress(BrokerError):
            await self._directory.look()
        self._tasks.run_forever(self._directory.watch, "the look at workers")
        self._tasks.run_forever(self._welcome, "pairing")
        self._tasks.run_forever(self._read, "the reader of events")
        self._tasks.run_forever(self._open_turns.repeat, "the repeating of turns")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._tasks.end()
        try:
            self._journal.close()
        except DataError as error:
            logger.error("the journal of the hub: %s", error)

    def overtakes(self, message: Message) -> bool:
        """Return whether plain text rejects every open question of its chat."""
        return self._placing.rejects_all(message)

    async def hand_over(
        self, message: Message, role: Role, verdict: Call | Hear, is_meant: Callable[[], bool]
    ) -> Placed:
        """Have a message handled where it belongs; return what is left to do here."""
        return await self._turns.hand_over(message, role, verdict, is_meant)

    def offer(self, foreign_commands: Callable[[], Iterable[str]]) -> None:
        """Do nothing: nothing is handed to this machine."""

    def takes_command(self, word: str) -> bool:
        """Return whether a plugin of a worker takes a command of this name."""
        cards = (each.card for each in self._directory)
        names = (name for card in cards if card is not None for name in card.foreign_commands)
        return any(name.lower() == word.lower() for name in names)

    def machines(self, message: Message, role: Role) -> Sequence[Machine]:
        """Return the machines, this one first, with the repos that a reply may name."""
        names = ChatNames.in_answer(message, role, self._services.transport)
        listing = role if names.is_private else min(role, Role.USER)
        here = Machine(self._options.machine, is_here=True)
        return [here, *(_machine(each, message, listing) for each in self._directory)]

    async def next_number(self, after: int) -> int:
        """Return the number of the next run on any machine."""
        with suppress(BrokerError):
            await self._broker.raise_number(*self._numbers(after))
        return await next_run_number(self._broker, after)

    def job_began(self, chat_id: str, number: int) -> None:
        """Note a run of this machine."""
        self._registry.job_began(self._options.machine, chat_id, number)

    def job_ended(self, chat_id: str, number: int) -> None:
        """Note the end of a run of this machine."""
        self._registry.job_ended(number)

    def question_asked(self, question: OpenQuestion) -> None:
        """Note a question of this machine."""
        self._registry.question_asked(self._options.machine, question)

    def question_closed(self, question: OpenQuestion) -> None:
        """Note that a question of this machine is closed."""
        self._registry.question_closed(question.chat_id, question.code)

    def _numbers(self, own: int = 0) -> tuple[int, int]:
        """Return the highest number of a run that is known, and that there may be.

        Each turn that is not over may have got one that its worker has not told of yet. After the
        first run, Redis may have given or left out more.
        """
        highest = self._registry.highest
        known = max(own, highest)
        return known, known + self._journal.open_turns + (MOST_UNHEARD if highest else 0)

    def _has_repo(self, name: str, message: Message, role: Role) -> bool:
        try:
            repo = self._services.repos.get(name)
        except UnknownRepoError:
            return False
        return self._services.gate.may_see(repo.name, message, role)

    def _member(self, name: str, key: bytes) -> Member:
        member = Member(
            self._broker, self._options.name, self._life, name, key, self._journal.commit
        )
        if name in self._pumps:
            self._pumps.pop(name).cancel()
        self._pumps[name] = self._tasks.run_forever(member.pump.run, f"the way to {name}")
        return member

    async def _welcome(self) -> None:
        while True:
            with suppress(BrokerError):
                await welcome(self._broker, self._options.machine, self._options.workers)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _read(self) -> None:
        async for received in Reader(self._broker, [of_hub(self._options.name)]).envelopes():
            try:
                member = self._directory.get(sender_of(received.envelope))
                if member is None:
                    raise WireError("it is from a worker that is not paired")
                frames = member.open(received)
            except StaleError as error:
                logger.debug("an envelope was dropped: %s", error)
                continue
            except WireError as error:
                logger.warning("an envelope was refused: %s", error)
                continue
            self._directory.note_life(member)
            for frame in frames:
                self._events.take(member, frame)


def _machine(member: Member, message: Message, role: Role) -> Machine:
    card = member.card
    return Machine(
        name=member.name,
        is_online=member.is_online,
        since=card.since if card is not None and member.is_online else member.away_since,
        last_seen=member.seen_at,
        version=card.version if card else "",
        busy=card.busy if card else 0,
        slots=card.slots if card else 0,
        repos=tuple(
            MachineRepo(each.name, each.description) for each in member.repos(message, role)
        ),
    )
