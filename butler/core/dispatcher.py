"""Carries out the verdict on a message: calls its handler, and sends the reply."""

import logging
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

from butler.access.rules import Refusal, Role
from butler.chat.message import Message, Reply
from butler.chat.transport import Transport
from butler.core.commands import PASS, Answer, Command, Pass
from butler.core.context import Context
from butler.core.fleet import Fleet, Handed, Joined, Placed
from butler.core.gate import Hear, Say, unheard
from butler.core.handlers import Listener
from butler.core.hints import Hints
from butler.core.intake import Intake, with_heard
from butler.core.plugin import Plugin, Settings
from butler.core.router import Call
from butler.core.services import Services
from butler.core.within import within
from butler.errors import DataError, TransportError, UnknownRepoError, UsageError, UserError

logger = logging.getLogger(__name__)

TURN_LIMIT_S = 120.0
APOLOGY = "Sorry, something went wrong on my side. The log has the details."
_UNUSABLE = "A file that I need for that cannot be used: {}. The log says which, and the way out."
TOO_SLOW = "Sorry, that took too long, so I stopped it."


class _Outcome(NamedTuple):
    """What came of a turn: the reply, a word for the records, and whether it had an effect."""

    answer: Answer | Pass
    result: str = "done"
    had_effect: bool = True


class Dispatcher:
    """Calls handlers and listeners, one message at a time in each chat.

    Args:
        services: What handlers work with.
        plugins: The enabled plugins, by name.
        listeners: Receive text that is not a command, in order.
        intake: Makes files and recordings ready.
        hints: Say what to write instead.
        turn_limit_s: Timeout of a handler, so that it cannot block its chat.
    """

    def __init__(
        self,
        services: Services,
        plugins: Mapping[str, Plugin[Settings]],
        listeners: Iterable[Listener],
        intake: Intake,
        hints: Hints,
        turn_limit_s: float = TURN_LIMIT_S,
    ) -> None:
        self._services = services
        self._plugins = plugins
        self._listeners = tuple(listeners)
        self._intake = intake
        self._hints = hints
        self._turn_limit_s = turn_limit_s

    def beside(self, transport: Transport) -> "Dispatcher":
        """Return the same with another transport."""
        services = replace(self._services, transport=transport)
        return Dispatcher(
            services, self._plugins, self._listeners, self._intake, self._hints, self._turn_limit_s
        )

    async def carry_out(
        self, message: Message, role: Role, verdict: Call | Say | Hear, *, overtakes: bool = False
    ) -> bool | None:
        """Carry out the verdict; return whether that may have had an effect, None if not over."""
        services = self._services
        if services.transport.is_withdrawn(message):
            return True
        shown = ""
        if self._intake.concerns(message):
            read = await self._intake.prepared(message, role, verdict)
            if read.verdict is None:
                return True
            message, verdict, shown = read.message, read.verdict, read.shown
        ctx = Context(message, role, services, overtakes=overtakes)
        placed: Placed = verdict
        if services.fleet is not None and not isinstance(verdict, Say):
            placed = await self._placed(services.fleet, ctx, verdict)
        if isinstance(placed, Handed):
            return None if placed.is_kept else placed.had_effect
        outcome = await self._outcome(ctx, placed)
        answer = with_heard(shown, outcome.answer)
        if isinstance(answer, str):
            answer = Reply(answer, answers=message)
        if isinstance(answer, Reply):
            if isinstance(verdict, Call) and verdict.command.overtakes:
                answer = answer._replace(is_urgent=True)
            await self.send(message.chat_id, answer)
        return outcome.had_effect

    async def _placed(self, fleet: Fleet, ctx: Context, verdict: Call | Hear) -> Placed:
        """Return what is left to do here, once the message is where it belongs."""

        def is_meant() -> bool:
            plugins, has_files = self._plugins.values(), bool(ctx.message.attachments)
            return any(
                plugin.takes_text(ctx) or (has_files and plugin.takes_files(ctx))
                for plugin in plugins
            )

        try:
            return await fleet.hand_over(ctx.message, ctx.role, verdict, is_meant)
        except UserError as error:
            return Say(str(error), Refusal("not placed", str(error)))
        except Exception:  # the boundary of a turn, as in _bounded
            logger.exception("a message could not be handed over")
            return Say(APOLOGY, Refusal("not placed", "it could not be handed over"))

    async def _outcome(self, ctx: Context, placed: Joined | Call | Say | Hear) -> _Outcome:
        match placed:
            case Call():
                return await self._called(ctx, placed)
            case Joined():
                outcome = await self._called(ctx, placed.call)
                return outcome._replace(
                    answer=await placed.with_reply(outcome.answer, outcome.result)
                )
            case Hear():
                return await self._heard(ctx)
            case Say():
                return self._unhandled(ctx, placed.refusal, placed.text)

    async def _called(self, ctx: Context, call: Call) -> _Outcome:
        services, command = self._services, call.command
        started = perf_counter()
        outcome = self._refused(ctx, command)
        if outcome is None:
            outcome = await self._bounded(self._begun(ctx, call))
        logger.info("/%s %s in %.0f ms", command.name, outcome.result, _ms_since(started))
        services.records.done(ctx.message, command.name, ctx.repo_name, outcome.result, ctx.detail)
        return outcome

    def _refused(self, ctx: Context, command: Command) -> _Outcome | None:
        """Return the refusal of a command that acts while nobody could learn of it later."""
        if command.only_reads or command.overtakes:
            return None
        try:
            ctx.check_recordable()
        except UserError as error:
            return _Outcome(str(error), "refused", had_effect=False)
        return None

    async def _begun(self, ctx: Context, call: Call) -> Answer:
        self._begin(ctx.message)
        return await call.command.call(ctx, call.argument)

    async def _heard(self, ctx: Context) -> _Outcome:
        started = perf_counter()
        outcome = await self._bounded(self._first_answer(ctx))
        if outcome.answer is not PASS:
            logger.info("plain text %s in %.0f ms", outcome.result, _ms_since(started))
        if outcome.answer is PASS:
            return self._unhandled(ctx, unheard(ctx.message))
        if outcome.answer is not None:
            self._services.gate.count(ctx.message, ctx.role)
        return outcome

    def _unhandled(self, ctx: Context, refusal: Refusal, text: str = "") -> _Outcome:
        """Record that nothing was done, and say so with the text or a hint, if one is due."""
        self._services.records.ignored(ctx.message, refusal)
        answer = text or self._hints.of(ctx)
        if answer:
            logger.info("answered that nothing was done: %s", refusal.rule)
        return _Outcome(answer, had_effect=False)

    async def _first_answer(self, ctx: Context) -> Answer | Pass:
        if self._listeners:
            self._begin(ctx.message)
        for listener in self._listeners:
            answer = await listener(ctx)
            if answer is not PASS:
                return answer
        return PASS

    def _begin(self, message: Message) -> None:
        self._services.transport.begin(message)
        for part in self._intake.others(message):
            self._services.transport.begin(part, is_told=False)

    async def _bounded(self, work: Coroutine[None, None, Answer | Pass]) -> _Outcome:
        """Return what came of ``work``."""
        try:
            return _Outcome(await within(self._turn_limit_s, work))
        except (UsageError, UnknownRepoError) as error:
            return _Outcome(str(error), "refused", had_effect=False)
        except UserError as error:
            if error.__cause__ is not None:
                logger.warning("a command was refused: %s", error.__cause__)
            return _Outcome(str(error), "refused")
        except DataError as error:
            logger.error("a turn failed: %s", error)
            return _Outcome(_UNUSABLE.format(error.reason or "it failed"), "failed")
        except TimeoutError:
            logger.exception("a turn was stopped after %g s", self._turn_limit_s)
            return _Outcome(TOO_SLOW, "stopped")
        except Exception:  # the boundary of a turn: a bug in a handler must not end the others
            logger.exception("a turn failed")
            return _Outcome(APOLOGY, "failed")

    async def send(self, chat_id: str, reply: Reply) -> None:
        try:
            await self._services.send(chat_id, reply)
        except TransportError as error:
            logger.warning("a reply was not sent: %s", error)


def _ms_since(started: float) -> float:
    return (perf_counter() - started) * 1000
