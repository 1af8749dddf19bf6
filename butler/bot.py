"""The bot: from a message to its reply, in order within each chat."""

import asyncio
import logging
from weakref import WeakValueDictionary

from butler.access import AccessRules, Refusal, Role
from butler.commands import Answer
from butler.context import Context, Services
from butler.errors import TransportError, UserError
from butler.logs import chat_of_log
from butler.message import Message, Reply
from butler.records import Records
from butler.router import Match, Unknown

logger = logging.getLogger(__name__)

MAX_TURNS = 1_000
"""So many messages are handled or wait for their chat at a time; the others stay outside."""

TURN_LIMIT_S = 120.0
APOLOGY = "Sorry, that went wrong on my side. I have noted it in my log."
TOO_SLOW = "Sorry, that took too long, so I stopped it."


class Bot:
    """Hands each message to the one handler for it.

    Args:
        services: What handlers work with.
        access: Who may talk to the bot.
        records: Where messages are noted that are not acted on.
        turn_limit_s: A handler that takes longer is stopped; its chat must go on.
    """

    def __init__(
        self,
        services: Services,
        access: AccessRules,
        records: Records,
        turn_limit_s: float = TURN_LIMIT_S,
    ) -> None:
        self._services = services
        self._access = access
        self._records = records
        self._turn_limit_s = turn_limit_s
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._reader: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Handle messages, chats side by side, until the transport is closed or ``stop`` is called.

        Returns when every turn has ended, and every job that a turn started.
        """
        async with asyncio.TaskGroup() as turns:
            self._reader = turns.create_task(self._read(turns), name="reader")
        if not self._reader.cancelled():
            await self._services.jobs.finished()

    def stop(self) -> None:
        """Take no further messages and wait for no job; turns under way go on to their end."""
        if self._reader is not None:
            self._reader.cancel()

    async def handle(self, message: Message) -> None:
        """Do what ``message`` asks for, once those before it in its chat are done."""
        chat_of_log.set(message.chat_id)
        role = self._access.role(message)
        if role is None:
            self._records.ignored(message, self._access.refusal(message))
        else:
            turn = self._turns.get(message.chat_id)
            if turn is None:
                turn = self._turns[message.chat_id] = asyncio.Lock()
            async with turn:
                await self._take_turn(message, role)
        await self._services.transport.acknowledge(message)

    async def _read(self, turns: asyncio.TaskGroup) -> None:
        slots = asyncio.Semaphore(MAX_TURNS)
        async for message in self._services.transport.messages():
            await slots.acquire()
            turn = turns.create_task(self.handle(message))
            turn.add_done_callback(lambda _turn: slots.release())

    async def _take_turn(self, message: Message, role: Role) -> None:
        ctx = Context(message, role, self._services)
        try:
            async with asyncio.timeout(self._turn_limit_s):
                answer = await self._answer(ctx)
        except UserError as error:
            answer = str(error)
            if error.__cause__ is not None:
                logger.warning("a command was refused: %s", error.__cause__)
        except TimeoutError:
            logger.exception("a turn was stopped after %g s", self._turn_limit_s)
            answer = TOO_SLOW
        except Exception:  # the boundary of a turn: a bug in a handler must not end the others
            logger.exception("a turn failed")
            answer = APOLOGY
        if answer is not None:
            await self._send(ctx, answer)

    async def _answer(self, ctx: Context) -> Answer:
        decision = self._services.router.route(ctx.message.text)
        if isinstance(decision, Match) and decision.command.needs <= ctx.role:
            return await decision.command.call(ctx, decision.argument)
        if isinstance(decision, Match):
            return f"/{decision.command.name} is for owners only."
        if isinstance(decision, Unknown) and decision.nearest is not None:
            return f"There is no /{decision.word}. Did you mean /{decision.nearest.name}?"
        self._records.ignored(ctx.message, Refusal("not a command", "nothing answers to this text"))
        return None

    async def _send(self, ctx: Context, answer: str | Reply) -> None:
        reply = Reply(answer, answers=ctx.message) if isinstance(answer, str) else answer
        try:
            await ctx.send(reply)
        except TransportError as error:
            logger.warning("a reply was not sent: %s", error)
