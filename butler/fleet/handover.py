"""Hands turns to workers, and says what became of them."""

import asyncio
import logging
from collections.abc import Callable

from butler.access.rules import Refusal
from butler.chat.message import Message, Reply
from butler.core.fleet import Handed
from butler.core.gate import Say
from butler.core.services import Services
from butler.errors import TransportError
from butler.fleet import texts
from butler.fleet.directory import Directory
from butler.fleet.frames import Over
from butler.fleet.keeping import Keeping
from butler.fleet.open_turns import Loss, OpenTurn, OpenTurns
from butler.fleet.orders import LOST, NOT_RUN, Order

logger = logging.getLogger(__name__)


class Handover:
    """Carries out orders, now or once their worker is back.

    Args:
        services: Sends to the chats.
        turns: The open turns.
        directory: Knows whether Redis is away.
        finish: Takes how a turn ended: for the records and the limits.

    Attributes:
        keeping: What cannot be handed over now.
    """

    def __init__(
        self,
        services: Services,
        turns: OpenTurns,
        directory: Directory,
        finish: Callable[[Order, Over], None],
    ) -> None:
        self._services = services
        self._turns = turns
        self._directory = directory
        self._finish = finish
        self.keeping = Keeping(
            *(services, turns, directory, self._begin, self.ended, self._tell),
        )

    async def carry_out(self, order: Order) -> Handed | Say:
        """Have an order carried out, or keep it; say what the chat has to know.

        While Redis is away, the chat does not wait for what is in the hands of the worker.
        """
        if order.member.problem:
            return Say(order.member.problem, Refusal("not placed", order.member.problem))
        is_behind_others = self.keeping.has_some_like(order) and not order.is_urgent
        if not order.member.is_online or is_behind_others:
            return await self.keeping.keep(order)
        turn = self._begin(order)
        outcome = await turn.news if self._directory.is_reachable else None
        if outcome is None:
            return await self.keeping.keep(order)
        order.turn = None
        if outcome is Loss.NOT_BEGUN:
            return await self.keeping.keep(order)
        return self.ended(order, outcome)

    async def outcome(self, order: Order, limit_s: float) -> Over | Loss | None:
        """Return what became of an order that a worker carries out now; None if it takes longer."""
        turn = self._begin(order)
        try:
            async with asyncio.timeout(limit_s):
                return await turn.end
        except TimeoutError:
            return None
        finally:
            self._turns.forget(turn)

    def _begin(self, order: Order) -> OpenTurn:
        order.turn = OpenTurn(
            order.frame, order.message, order.member, order.deadline, order.is_urgent
        )
        order.was_sent = True
        self._turns.hand_over(order.turn)
        return order.turn

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
