"""The turns of a hub: where each belongs, and how it is handed over, once, whatever is killed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec

from butler.access.rules import Refusal, Role
from butler.chat.message import Message
from butler.core.context import Context
from butler.core.fleet import Handed, Joined, MachineReply, Placed
from butler.core.gate import Hear, Say, unheard
from butler.core.place import At
from butler.core.router import Call
from butler.core.services import Services
from butler.errors import TransportError
from butler.fleet import texts
from butler.fleet.directory import Directory
from butler.fleet.frames import Blob, Over, Turn
from butler.fleet.handover import Handover
from butler.fleet.journal import Journal, Placement
from butler.fleet.member import Member
from butler.fleet.open_turns import Loss, OpenTurns
from butler.fleet.orders import NOT_RUN, Order
from butler.fleet.placing import Everywhere, Placing, There, number_in
from butler.fleet.registry import Registry
from butler.fleet.turn_ids import digest_of, turn_id

JOIN_LIMIT_S = 15.0
"""For the replies of several machines to one call."""


class HubTurns:
    """Hands over the turns of the messages that belong to other machines.

    A turn is placed once, in the journal, before it leaves: if its message comes again, as after a
    restart, it goes to the same machine under the same id.

    Args:
        hub: The name of this hub.
        max_age_s: For so long messages are kept for a machine that is away.
        services: What the handlers of the hub's bot share.
        journal: Where turns are placed.
        registry: Where runs are.
        directory: The workers.
        placing: Finds the machine of a message.
        open_turns: The turns in the hands of workers.
        store_files: Keeps the files of a message where workers find them.
    """

    def __init__(
        self,
        hub: str,
        max_age_s: float,
        services: Services,
        journal: Journal,
        registry: Registry,
        directory: Directory,
        placing: Placing,
        open_turns: OpenTurns,
        store_files: Callable[[Message], Awaitable[tuple[Blob, ...]]],
    ) -> None:
        self._hub = hub
        self._max_age_s = max_age_s
        self._services = services
        self._journal = journal
        self._registry = registry
        self._directory = directory
        self._placing = placing
        self._store_files = store_files
        self._handover = Handover(services, open_turns, directory, self._finish)

    def note_back(self, member: Member) -> None:
        """Go on with what is kept for a worker."""
        self._handover.keeping.note_back(member)

    async def hand_over(
        self, message: Message, role: Role, verdict: Call | Hear, is_meant: Callable[[], bool]
    ) -> Placed:
        """Have a message handled where it belongs; return what is left to do here."""
        turn = self._turn(message)
        known = self._journal.placement(turn)
        if known is not None:
            return await self._again(turn, known, message, role)
        if isinstance(verdict, Call) and _stops_what_is_kept(verdict):
            dropped = await self._dropped(message)
            if dropped is not None:
                return dropped
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

    def _turn(self, message: Message) -> str:
        """Return the id of a message's turn; what had no effect may be edited, and has a new one.

        What had one, or is not over, is never begun in another form.
        """
        turn = turn_id(self._hub, message)
        known, over = self._journal.placement(turn), self._journal.over(turn)
        digest = digest_of(message.text)
        if known is None or over is None or over.had_effect or known.digest == digest:
            return turn
        return turn_id(self._hub, message, digest)

    async def _dropped(self, message: Message) -> Say | None:
        """Drop what is kept for the chat of a stop; return what to say if nothing else is left."""
        dropped = self._handover.keeping.drop(message.chat_id)
        if not dropped:
            return None
        said = " ".join(texts.dropped(count, machine) for machine, count in dropped)
        if not self._registry.live_runs(chat_id=message.chat_id):
            return Say(said, Refusal("dropped", "kept messages were dropped"))
        await self._handover.tell(message, said, f"{self._turn(message)}.dropped")
        return None

    async def _again(self, turn: str, known: Placement, message: Message, role: Role) -> Placed:
        """Go on with a turn that was handed over before its message came again."""
        member, over = self._directory.get(known.machine), self._journal.over(turn)
        if member is None:
            return Handed() if over else Say(texts.unpaired(known.machine), NOT_RUN)
        order = self._order(turn, known, member, message, role)
        if over is not None:
            return self._handover.ended(order, over)
        order.was_sent = True
        return await self._carried_out(order)

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
            *(member.name, command, place.argument, repo, digest_of(message.text)),
            *(place.is_urgent, place.is_prompt),
        )
        self._journal.place(turn, placement, message.chat_id)
        return await self._carried_out(self._order(turn, placement, member, message, ctx.role))

    async def _carried_out(self, order: Order) -> Handed | Say:
        """Have an order carried out, with the files of its message."""
        if order.message.attachments:
            try:
                files = await self._store_files(order.message)
            except TransportError as error:
                return Say(str(error), Refusal("not placed", str(error)))
            order.frame = msgspec.structs.replace(order.frame, files=files)
        return await self._handover.carry_out(order)

    def _as_prompt(self, message: Message) -> Message:
        """Return plain text as its plugin gets it there: with a slash before a command."""
        call, text = self._services.router.foreign(message.text), message.text
        if call is not None and self._services.router.prefix != "/":
            text = f"{'//' if call.is_escaped else '/'}{call.word} {call.argument}".strip()
        return replace(message, text=text, is_to_bot=True)

    async def _everywhere(
        self, place: Everywhere, call: Call, message: Message, role: Role
    ) -> Joined:
        members = [self._directory.get(each) for each in place.machines]
        asked = [self._reply_of(each, call, message, role) for each in members if each]
        return Joined(call, asyncio.gather(*asked))

    async def _reply_of(
        self, member: Member, call: Call, message: Message, role: Role
    ) -> MachineReply:
        if not member.is_online:
            return MachineReply(member.name, f"{texts.away(member)}.")
        if not self._directory.is_reachable:
            return MachineReply(member.name, f"{texts.out_of_reach(member)}.")
        turn = turn_id(self._hub, message, member.name)
        placement = Placement(
            *(member.name, call.command.name, call.argument, None, digest_of(message.text)),
            is_urgent=True,
        )
        self._journal.place(turn, placement, message.chat_id)
        order = self._order(turn, placement, member, message, role, is_joined=True)
        order.deadline = time.monotonic() + JOIN_LIMIT_S
        outcome = await self._handover.outcome(order, JOIN_LIMIT_S)
        if isinstance(outcome, Loss):
            return MachineReply(member.name, texts.lost_turn(member))
        if outcome is None or outcome.reply is None:  # it may have gone to a hub that was killed
            return MachineReply(member.name, texts.silent(member))
        return MachineReply(member.name, outcome.reply, outcome.result == "refused")

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
        left_s = self._max_age_s - max(0.0, time.time() - message.time)
        sent = self._as_prompt(message) if placement.is_prompt else message
        frame = Turn(
            *(turn, sent, role, placement.command, placement.argument, may, left_s),
            *(placement.repo, is_joined),
        )
        deadline = time.monotonic() + left_s
        return Order(frame, message, member, deadline, is_urgent=placement.is_urgent)

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


def _stops_what_is_kept(call: Call) -> bool:
    """Return whether a call stops what its chat has going on, not one run by its number."""
    is_stop = call.command.overtakes and call.command.at is At.RUN
    return is_stop and number_in(call.command, call.argument) is None
