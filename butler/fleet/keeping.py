"""Keeps what cannot be handed over now, in order, so that its chat can go on meanwhile."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from butler.access.rules import Refusal
from butler.core.fleet import Handed
from butler.core.gate import Say
from butler.core.services import Services
from butler.fleet import texts
from butler.fleet.directory import Directory
from butler.fleet.frames import Over
from butler.fleet.member import Member
from butler.fleet.open_turns import Loss, OpenTurn, OpenTurns
from butler.fleet.orders import NOT_RUN, Order

logger = logging.getLogger(__name__)

MOST_KEPT = 20
"""For one machine and chat."""

LAST_CALL_S = 5.0
"""For an order in the hands of a worker, at the end of Butler."""


@dataclass(slots=True)
class _Queue:
    """The orders that are kept for one machine, of one chat."""

    orders: deque[Order] = field(default_factory=deque)
    has_changed: asyncio.Event = field(default_factory=asyncio.Event)


class Keeping:
    """Keeps orders for machines that are away, or behind a Redis that is, until it is too late.

    Args:
        services: Knows the jobs, and acknowledges messages.
        turns: The open turns.
        directory: Knows whether Redis is away.
        begin: Begins to hand over an order.
        ended: Records what became of an order; returns what the chat has to know.
        tell: Answers the message of an order, once under a word for what is said.
    """

    def __init__(
        self,
        services: Services,
        turns: OpenTurns,
        directory: Directory,
        begin: Callable[[Order], OpenTurn],
        ended: Callable[[Order, Over | Loss], Handed | Say],
        tell: Callable[[Order, str, str], Awaitable[None]],
    ) -> None:
        self._services = services
        self._turns = turns
        self._directory = directory
        self._begin = begin
        self._ended = ended
        self._tell = tell
        self._kept: dict[tuple[str, str], _Queue] = {}

    def has_some_like(self, order: Order) -> bool:
        """Return whether something is kept for the machine and chat of an order."""
        return _key(order) in self._kept

    async def keep(self, order: Order) -> Handed | Say:
        """Keep an order, and tell the chat, unless the worker has begun it."""
        left_s = order.deadline - time.monotonic()
        if left_s <= 0 and order.turn is None:
            return Say(order.not_back, NOT_RUN)
        queue = self._kept.get(_key(order))
        if queue is None:
            queue = self._kept[_key(order)] = _Queue()
            self._services.jobs.start(self._wait(_key(order), queue), "kept messages")
        if len(queue.orders) >= MOST_KEPT:
            text = f"{self._why(order.member)}, and I keep {MOST_KEPT} messages for it already."
            return Say(text, Refusal("not placed", "too much is kept"))
        queue.orders.append(order)
        if order.turn is None or not order.turn.has_begun:
            await self._tell(order, texts.kept(self._why(order.member), left_s), "kept")
        return Handed(is_kept=True)

    def drop(self, chat_id: str) -> list[tuple[str, int]]:
        """Drop what is kept for a chat; return the machines with the numbers of messages."""
        dropped = []
        for (of_chat, machine), queue in list(self._kept.items()):
            if of_chat != chat_id:
                continue
            left = [order for order in queue.orders if self._can_drop(order)]
            for order in left:
                queue.orders.remove(order)
                if order.turn is not None:
                    self._turns.withdraw(order.turn)
                self._acknowledge_soon(order)
            if left:
                dropped.append((machine, len(left)))
                queue.has_changed.set()
        return dropped

    def note_back(self, member: Member) -> None:
        """Carry on with what is kept for a worker."""
        for (_chat_id, machine), queue in self._kept.items():
            if machine == member.name:
                queue.has_changed.set()

    def _why(self, member: Member) -> str:
        is_away = not member.is_online or self._directory.is_reachable
        return texts.away(member) if is_away else texts.out_of_reach(member)

    def _can_drop(self, order: Order) -> bool:
        """Return whether an order is not in the hands of a worker that may begin it right now."""
        if order.turn is None:
            return True
        return not self._directory.is_reachable and not order.turn.has_begun

    async def _wait(self, key: tuple[str, str], queue: _Queue) -> None:
        """Carry out what is kept, in order; give up what is too old."""
        try:
            while queue.orders:
                order = queue.orders[0]
                if order.member.is_online or order.turn is not None:
                    await self._carry_out(queue, order)
                elif order.deadline <= time.monotonic() or self._is_last_call:
                    queue.orders.popleft()
                    await self._finish(order, Loss.NOT_BEGUN)
                else:
                    await self._changed(queue, order.deadline - time.monotonic())
        finally:
            del self._kept[key]

    async def _carry_out(self, queue: _Queue, order: Order) -> None:
        outcome = await self._outcome(order.turn or self._begin(order))
        order.turn = None
        is_lasting = order.deadline <= time.monotonic() or self._is_last_call
        if outcome is Loss.NOT_BEGUN and not is_lasting:
            return
        if queue.orders and queue.orders[0] is order:
            queue.orders.popleft()
            await self._finish(order, outcome)

    async def _outcome(self, turn: OpenTurn) -> Over | Loss:
        """Wait for the outcome of a turn; at the last call, not for long."""
        last_call = asyncio.ensure_future(self._services.jobs.is_last_call.wait())
        either: set[asyncio.Future[Any]] = {turn.end, last_call}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not turn.end.done():
                await asyncio.wait({turn.end}, timeout=LAST_CALL_S)
        finally:
            last_call.cancel()
            self._turns.forget(turn)
        return turn.end.result() if turn.end.done() else Loss.SILENT

    async def _finish(self, order: Order, outcome: Over | Loss) -> None:
        """Tell the chat what became of an order, and acknowledge its message."""
        try:
            ended = self._ended(order, outcome)
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


def _key(order: Order) -> tuple[str, str]:
    return order.message.chat_id, order.member.name
