"""Hands turns to workers, and keeps those of a worker that is away."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from butler.access.rules import Refusal
from butler.chat.message import Message, Reply
from butler.core.fleet import Handed
from butler.core.gate import Say
from butler.core.services import Services
from butler.errors import TransportError
from butler.fleet import texts
from butler.fleet.frames import Over, Turn
from butler.fleet.member import Member
from butler.fleet.open_turns import Loss, OpenTurn, OpenTurns

logger = logging.getLogger(__name__)

LOST = Refusal("lost", "its machine went away during it")
NOT_RUN = Refusal("not run", "its machine did not come back")
MOST_KEPT = 20
"""For one machine and chat."""


@dataclass(slots=True)
class Order:
    """What a worker shall do.

    Attributes:
        frame: The turn.
        message: As it came from the chat network.
        member: The worker.
        deadline: When it is too late to begin, by the monotonic clock.
        is_urgent: It overtakes.
        was_sent: The worker may have begun it.
        is_in_hand: The worker has it now, so it is too late to drop it.
    """

    frame: Turn
    message: Message
    member: Member
    deadline: float
    is_urgent: bool = False
    was_sent: bool = False
    is_in_hand: bool = False

    @property
    def not_back(self) -> str:
        """What to say if the worker does not come back."""
        words = texts.perhaps_done if self.was_sent else texts.not_back
        return words(self.member)


@dataclass(slots=True)
class _Queue:
    """The orders that are kept for one machine, of one chat."""

    orders: deque[Order] = field(default_factory=deque)
    has_changed: asyncio.Event = field(default_factory=asyncio.Event)


class Handover:
    """Carries out orders, now or once their worker is back.

    Args:
        services: Sends to the chats, and knows the jobs.
        turns: The open turns.
        finish: Takes how a turn ended: for the records and the limits.
    """

    def __init__(
        self, services: Services, turns: OpenTurns, finish: Callable[[Order, Over], None]
    ) -> None:
        self._services = services
        self._turns = turns
        self._finish = finish
        self._kept: dict[tuple[str, str], _Queue] = {}

    async def carry_out(self, order: Order) -> Handed | Say:
        """Have an order carried out, or keep it; say what the chat has to know."""
        if order.member.problem:
            return Say(order.member.problem, Refusal("not placed", order.member.problem))
        if not order.member.is_online or _key(order) in self._kept:
            return await self._keep(order)
        outcome = await self.outcome(order)
        if outcome is Loss.NOT_BEGUN:
            return await self._keep(order)
        return self.ended(order, outcome)

    async def outcome(self, order: Order) -> Over | Loss:
        """Return what became of an order that a worker carries out now."""
        turn = OpenTurn(order.frame, order.message, order.member, order.deadline, order.is_urgent)
        order.was_sent = order.is_in_hand = True
        try:
            return await self._turns.outcome(turn)
        finally:
            order.is_in_hand = False

    def drop(self, chat_id: str) -> list[tuple[str, int]]:
        """Drop what is kept for a chat; return the machines with the numbers of messages."""
        dropped = []
        for (of_chat, machine), queue in list(self._kept.items()):
            left = [order for order in queue.orders if not order.is_in_hand]
            if of_chat == chat_id and left:
                dropped.append((machine, len(left)))
                for order in left:
                    queue.orders.remove(order)
                    self._acknowledge_soon(order)
                queue.has_changed.set()
        return dropped

    def note_back(self, member: Member) -> None:
        """Carry on with what is kept for a worker."""
        for (_chat_id, machine), queue in self._kept.items():
            if machine == member.name:
                queue.has_changed.set()

    def ended(self, order: Order, outcome: Over | Loss) -> Handed | Say:
        """Record what became of an order; return what the chat has to know."""
        match outcome:
            case Over(is_cut=True, is_told=True):
                return Say(texts.cut(order.member), LOST)
            case Over():
                self._finish(order, outcome)
                return Handed(had_effect=outcome.had_effect)
            case Loss.WITHDRAWN:
                return Handed()
            case Loss.SILENT:
                return Say(texts.silent(order.member), LOST)
            case Loss.NOT_BEGUN:
                return Say(order.not_back, NOT_RUN)
            case Loss.AWAY:
                return Say(texts.lost_turn(order.member), LOST)

    async def _keep(self, order: Order) -> Handed | Say:
        left_s = order.deadline - time.monotonic()
        if left_s <= 0:
            return Say(order.not_back, NOT_RUN)
        queue = self._kept.get(_key(order))
        if queue is None:
            queue = self._kept[_key(order)] = _Queue()
            self._services.jobs.start(self._wait(_key(order), queue), "kept messages")
        if len(queue.orders) >= MOST_KEPT:
            text = f"{texts.away(order.member)}, and I keep {MOST_KEPT} messages for it already."
            return Say(text, Refusal("not placed", "too much is kept"))
        queue.orders.append(order)
        await self._tell(order, texts.kept(order.member, left_s), "kept")
        return Handed(is_kept=True)

    async def _wait(self, key: tuple[str, str], queue: _Queue) -> None:
        """Carry out what is kept, in order; give up what is too old."""
        try:
            while queue.orders:
                order = queue.orders[0]
                if order.member.is_online:
                    await self._carry_out_kept(queue, order)
                elif order.deadline <= time.monotonic() or self._is_last_call:
                    queue.orders.popleft()
                    await self._finish_kept(order, Loss.NOT_BEGUN)
                else:
                    await self._changed(queue, order.deadline - time.monotonic())
        finally:
            del self._kept[key]

    async def _carry_out_kept(self, queue: _Queue, order: Order) -> None:
        outcome = await self.outcome(order)
        if outcome is Loss.NOT_BEGUN and order.deadline > time.monotonic():
            return
        if queue.orders and queue.orders[0] is order:
            queue.orders.popleft()
            await self._finish_kept(order, outcome)

    async def _finish_kept(self, order: Order, outcome: Over | Loss) -> None:
        """Tell the chat what became of a kept order, and acknowledge its message."""
        try:
            ended = self.ended(order, outcome)
            if isinstance(ended, Say):
                self._services.records.ignored(order.message, ended.refusal)
                await self._tell(order, ended.text, "over")
        except Exception:  # the boundary of an order: those behind it are carried out all the same
            logger.exception("the end of a kept message could not be told")
        had_effect = outcome is not Loss.NOT_BEGUN or order.was_sent
        await self._services.transport.acknowledge(order.message, had_effect=had_effect)

    async def _changed(self, queue: _Queue, limit_s: float) -> None:
        """Wait until the worker may be back, or something was dropped, or it is the last call."""
        queue.has_changed.clear()
        waiting = [
            asyncio.ensure_future(queue.has_changed.wait()),
            asyncio.ensure_future(self._services.jobs.is_last_call.wait()),
        ]
        try:
            await asyncio.wait(waiting, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    @property
    def _is_last_call(self) -> bool:
        return self._services.jobs.is_last_call.is_set()

    def _acknowledge_soon(self, order: Order) -> None:
        acknowledging = self._services.transport.acknowledge(order.message, had_effect=False)
        self._services.jobs.start(acknowledging, "dropped message")

    async def _tell(self, order: Order, text: str, what: str) -> None:
        await self.tell(order.message, text, f"{order.frame.id}.{what}")

    async def tell(self, message: Message, text: str, key: str) -> None:
        """Answer a message with what is said once under a key, also by the next process.

        The number of the reply does not do as a key: the next process may have other ones to say.
        """
        try:
            reply = Reply(text, answers=message, key=key)
            await self._services.send(message.chat_id, reply)
        except TransportError as error:
            logger.warning("a reply was not sent: %s", error)


def _key(order: Order) -> tuple[str, str]:
    return order.message.chat_id, order.member.name
