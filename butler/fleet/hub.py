"""A hub: hands the turns of its chats to the machines that have the repos."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from butler.access.rules import Refusal, Role
from butler.chat.message import Message, Reply
from butler.core.chat_names import ChatNames
from butler.core.context import Context
from butler.core.fleet import (
    Handed,
    Joined,
    Machine,
    MachineReply,
    MachineRepo,
    OpenQuestion,
    Placed,
)
from butler.core.gate import Hear, Say, unheard
from butler.core.router import Call
from butler.core.services import Services
from butler.errors import DataError, TransportError, UnknownRepoError
from butler.fleet import texts
from butler.fleet.broker import Broker, BrokerError, next_run_number
from butler.fleet.directory import LOOK_EVERY_S, Directory
from butler.fleet.frames import Over, Turn
from butler.fleet.handover import Handover, Order
from butler.fleet.hub_events import HubEvents
from butler.fleet.journal import Journal, Placement
from butler.fleet.keys import WorkerKeys
from butler.fleet.member import Member
from butler.fleet.open_turns import OpenTurns
from butler.fleet.pairing import welcome
from butler.fleet.placing import Everywhere, Placing, There
from butler.fleet.registry import Registry
from butler.fleet.streams import Reader, of_hub
from butler.fleet.tasks import end
from butler.fleet.turn_ids import digest_of, turn_id
from butler.fleet.wire import StaleError, WireError, sender_of

logger = logging.getLogger(__name__)

RESTART_S = 1.0
"""Before a failed task of the hub goes on."""

JOIN_LIMIT_S = 15.0
"""For the replies of several machines to one call."""

MAX_AGE_S = 900.0


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
    """

    machine: str
    name: str
    workers: WorkerKeys
    journal_path: Path
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
        self._tasks: set[asyncio.Task[None]] = set()
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self._lost: set[int] = set()
        self._journal = Journal(options.journal_path)
        self._registry = Registry(self._journal)
        self._turns = OpenTurns(services.transport.is_withdrawn)
        self._handover = Handover(services, self._turns, self._finish)
        self._events = HubEvents(
            *(broker, services, self._turns, self._registry, self._journal, self._run)
        )
        self._directory = Directory(
            *(
                broker,
                options.name,
                options.workers.keys,
                self._member,
                self._note_back,
                self._note_away,
            )
        )
        self._placing = Placing(options.machine, self._directory, self._registry, self._has_repo)

    async def __aenter__(self) -> Self:
        with suppress(BrokerError):
            await self._directory.look()
        self._run_forever(self._directory.watch, "workers")
        self._run_forever(self._welcome, "pairing")
        self._run_forever(self._read, "events of workers")
        self._run_forever(self._turns.repeat, "repeats")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await end([*self._tasks, *self._pumps.values()])
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
        turn = self._turn(message)
        known = self._journal.placement(turn)
        if known is not None:
            return await self._again(turn, known, message, role)
        if isinstance(verdict, Call) and verdict.command.overtakes:
            dropped = self._handover.drop(message.chat_id)
            if dropped and not self._registry.live_runs(chat_id=message.chat_id):
                said = " ".join(texts.dropped(count, machine) for machine, count in dropped)
                return Say(said, Refusal("dropped", "kept messages were dropped"))
        ctx = Context(message, role, self._services)
        active = await ctx.active_repo_name()
        if isinstance(verdict, Call):
            place = self._placing.of_call(verdict, message, role, active)
        else:
            place = self._placing.of_text(message, active, is_meant)
        match place:
            case There():
                return await self._there(turn, place, verdict, ctx, active)
            case Everywhere() if isinstance(verdict, Call):
                return await self._everywhere(place, verdict, message, role)
            case Everywhere():
                return verdict
            case _:
                return place

    def machines(self, message: Message, role: Role) -> Sequence[Machine]:
        """Return the machines, this one first, with the repos that a reply may name."""
        names = ChatNames.in_answer(message, role, self._services.transport)
        listing = role if names.is_private else min(role, Role.USER)
        here = Machine(self._options.machine, is_here=True)
        return [here, *(_machine(each, message, listing) for each in self._directory)]

    async def next_number(self, after: int) -> int:
        """Return the number of the next run on any machine."""
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

    def _turn(self, message: Message) -> str:
        """Return the id of a message's turn; what had no effect may be edited, and has a new one.

        What had one, or is not over, is never begun in another form.
        """
        turn = turn_id(self._options.name, message)
        known, over = self._journal.placement(turn), self._journal.over(turn)
        digest = digest_of(message.text)
        if known is None or over is None or over.had_effect or known.digest == digest:
            return turn
        return turn_id(self._options.name, message, digest)

    async def _again(self, turn: str, known: Placement, message: Message, role: Role) -> Placed:
        """Go on with a turn that was handed over before its message came again."""
        member = self._directory.get(known.machine)
        if member is None:
            return Handed()
        order = self._order(turn, known, member, message, role)
        over = self._journal.over(turn)
        if over is not None:
            self._finish(order, over)
            return Handed(had_effect=over.had_effect)
        order.was_sent = True
        return await self._handover.carry_out(order)

    async def _there(
        self, turn: str, place: There, verdict: Call | Hear, ctx: Context, active: str | None
    ) -> Placed:
        member, message = self._directory.get(place.machine), ctx.message
        if member is None:
            return verdict
        if place.chooses is not None and not member.is_online:
            await ctx.use_repo_called(f"{member.name}/{place.chooses}")
            text = texts.chosen(place.chooses, member)
            return Say(text, Refusal("away", "its machine is away"))
        repo = active.removeprefix(f"{member.name}/") if active is not None else None
        if active is None or repo == active:
            repo = None
        else:
            await ctx.touch_session()
        command = verdict.command.name if isinstance(verdict, Call) else None
        placement = Placement(
            *(member.name, command, place.argument, repo, digest_of(message.text))
        )
        self._journal.place(turn, placement, message.chat_id)
        sent = replace(message, is_to_bot=True) if place.is_prompt else message
        order = self._order(turn, placement, member, sent, ctx.role)
        order.message, order.is_urgent = message, place.is_urgent
        return await self._handover.carry_out(order)

    async def _everywhere(
        self, place: Everywhere, call: Call, message: Message, role: Role
    ) -> Joined:
        members = [self._directory.get(each) for each in place.machines]
        asked = [self._reply_of(each, call, message, role) for each in members if each]
        return Joined(call, tuple(await asyncio.gather(*asked)))

    async def _reply_of(
        self, member: Member, call: Call, message: Message, role: Role
    ) -> MachineReply:
        if not member.is_online:
            return MachineReply(member.name, f"{texts.away(member)}.")
        turn = turn_id(self._options.name, message, member.name)
        placement = Placement(
            *(member.name, call.command.name, call.argument, None, digest_of(message.text))
        )
        self._journal.place(turn, placement, message.chat_id)
        order = self._order(turn, placement, member, message, role, is_joined=True)
        order.is_urgent = True
        order.deadline = time.monotonic() + JOIN_LIMIT_S
        try:
            async with asyncio.timeout(JOIN_LIMIT_S):
                outcome = await self._handover.outcome(order)
        except TimeoutError:
            return MachineReply(member.name, texts.silent(member))
        if not isinstance(outcome, Over):
            return MachineReply(member.name, texts.lost_turn(member))
        return MachineReply(member.name, outcome.reply or "", outcome.result == "refused")

    def _order(
        self,
        turn: str,
        placement: Placement,
        member: Member,
        message: Message,
        role: Role,
        *,
        is_joined: bool = False,
    ) -> Order:
        allowed = self._services.gate.allowed_commands(message, role)
        may = tuple(each.name for each in allowed)
        left_s = self._options.max_age_s - max(0.0, time.time() - message.time)
        frame = Turn(
            *(turn, message, role, placement.command, placement.argument, may, left_s),
            *(placement.repo, is_joined),
        )
        return Order(frame, message, member, time.monotonic() + left_s)

    def _finish(self, order: Order, over: Over) -> None:
        """Record how a turn ended."""
        records, message = self._services.records, order.message
        if order.frame.command is not None and over.result:
            repo = over.repo and f"{order.member.name}/{over.repo}"
            records.done(message, order.frame.command, repo, over.result, over.detail)
        elif over.is_unheard:
            records.ignored(message, unheard(message))
        if over.is_counted:
            self._services.gate.count(message, Role(order.frame.role))

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
        self._pumps[name] = asyncio.create_task(
            self._kept_up(member.pump.run, f"turns for {name}"), name=f"turns for {name}"
        )
        return member

    def _note_back(self, member: Member) -> None:
        """Go on with what waits for a worker, and see which of its runs it still has."""
        jobs = {number for _chat_id, number in member.card.jobs} if member.card else set()
        for run in self._registry.live_runs(machine=member.name):
            if run.number not in jobs:
                self._registry.job_ended(run.number)
            elif run.number in self._lost:
                self._tell(run.chat_id, texts.returned(member, run.number))
            self._lost.discard(run.number)
        self._options.note_worker(member.name, is_away=False)
        self._turns.ask_again(member)
        self._handover.note_back(member)

    def _note_away(self, member: Member) -> None:
        """Tell the chats what was lost with a worker, as far as is known."""
        self._options.note_worker(member.name, is_away=True)
        self._turns.lose(member)
        self._events.forget(member)
        for run in self._registry.live_runs(machine=member.name):
            self._lost.add(run.number)
            self._tell(run.chat_id, texts.lost_run(member, run.number))

    def _tell(self, chat_id: str, text: str) -> None:
        self._run(self._send(chat_id, text), "notice")

    async def _send(self, chat_id: str, text: str) -> None:
        try:
            await self._services.send(chat_id, Reply(text))
        except TransportError as error:
            logger.warning("a notice was not sent: %s", error)

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

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _run_forever(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        self._run(self._kept_up(work, name), name)

    async def _kept_up(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        while True:
            try:
                await work()
            except Exception:  # the boundary of the hub's tasks: none may end in silence
                logger.exception("the task %s of the hub failed and is started again", name)
            await asyncio.sleep(RESTART_S)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a task of the hub failed: %s", task.get_name(), exc_info=error)


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
