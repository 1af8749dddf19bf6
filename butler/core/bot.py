"""The bot: handles messages in order within each chat, different chats concurrently."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any, TypeVarTuple

from butler.access.rules import Role
from butler.chat.message import Message, Person, Reply
from butler.chat.transport import Transport
from butler.core.albums import GATHER_S
from butler.core.aside import Aside
from butler.core.context import Context
from butler.core.dispatcher import TURN_LIMIT_S, Dispatcher
from butler.core.gate import FORWARDED, NOT_A_COMMAND, Hear, Ignore, Say, Verdict
from butler.core.handlers import Listener
from butler.core.hints import Hints
from butler.core.intake import Intake
from butler.core.owner_notices import OwnerNotices
from butler.core.plugin import Plugin, Settings
from butler.core.router import Call
from butler.core.services import Services
from butler.errors import UserError
from butler.logs import message_of_log

logger = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")

MAX_TURNS = 1_000
"""Maximum number of messages in progress or queued; beyond it the transport is not read."""

IGNORED_AT_A_TIME = 50
"""Number of ignored messages after which the reader yields to the turns in progress."""

ADDRESSES = "(addresses)"
"""The records' word for what Butler keeps of the addresses of people because they wrote."""

_HINTED = (NOT_A_COMMAND.rule, FORWARDED.rule)


class Bot:
    """Dispatches each message to its handler.

    Args:
        services: What handlers work with.
        plugins: The enabled plugins, by name; notified once messages can be sent.
        listeners: Receive text that is not a command, in order.
        announce: Returns a code for a person who may be announced to the owner.
        news: Returns what else the owner has to be told, once.
        learned: Returns what a look at the author of a message made Butler keep, once.
        turn_limit_s: Timeout of a handler, so that it cannot block its chat.
        gather_s: How long more files of the same person are waited for, to be one message.
    """

    def __init__(
        self,
        services: Services,
        plugins: Mapping[str, Plugin[Settings]],
        listeners: Iterable[Listener] = (),
        announce: Callable[[Person], str | None] = lambda _person: None,
        news: Callable[[], list[str]] = list,
        learned: Callable[[], list[str]] = list,
        turn_limit_s: float = TURN_LIMIT_S,
        gather_s: float = GATHER_S,
    ) -> None:
        self._services = services
        self._plugins = plugins
        self._news = news
        self._learned = learned
        self._notices = OwnerNotices(services.transport, announce)
        self._intake = Intake(services, plugins.values(), self._judged, gather_s)
        self._hints = Hints(services, plugins.values(), time.monotonic)
        self._dispatcher = Dispatcher(
            services, plugins, listeners, self._intake, self._hints, turn_limit_s
        )
        self._room = asyncio.Semaphore(MAX_TURNS)
        self._reader: asyncio.Task[None] | None = None
        self._is_stopped = False

    @property
    def at_work(self) -> int:
        """The number of runs that would be cut off if Butler ended now."""
        return sum(plugin.at_work() for plugin in self._plugins.values())

    async def serve(self) -> None:
        """Handle messages, chats concurrently, until the transport closes or ``stop`` is called.

        Returns when all turns, and all jobs that they started, have ended.
        """
        fleet = self._services.fleet
        if fleet is not None:
            fleet.offer(self._foreign_commands)
        try:
            await self._serve()
        finally:
            if fleet is not None:
                fleet.offer(tuple)

    async def _serve(self) -> None:
        for name, plugin in self._plugins.items():
            ready = plugin.ready(self._services.send, self._reopened)
            self._services.jobs.start(ready, f"ready {name}")
        async with asyncio.TaskGroup() as tasks:
            self._reader = tasks.create_task(self._read(tasks), name="reader")
        self._services.jobs.is_last_call.set()
        if not self._is_stopped:
            await self._services.jobs.finished()

    def stop(self) -> None:
        """Stop reading messages and waiting for jobs; turns in progress still complete."""
        self._is_stopped = True
        if self._reader is not None:
            self._reader.cancel()

    async def ask(self, plugin: str, text: str) -> str:
        """Return what a plugin replies to another process that shares the data folder.

        Raises:
            UserError: It refused, or there is none of that name.
        """
        if plugin not in self._plugins:
            raise UserError(f"The plugin {plugin} is not enabled there.")
        return await self._plugins[plugin].asked(text)

    async def say(self, message: Message) -> list[Reply]:
        """Handle a message that came from elsewhere than its chat; return what answers it."""
        aside = Aside(self._services.transport, message)
        try:
            await self._beside(aside).handle(message)
        finally:
            aside.is_over = True
        await self._services.records.flushed()
        return aside.replies

    def _beside(self, transport: Transport) -> "Bot":
        """Return this bot with another transport; all the rest is shared."""
        twin = copy(self)
        twin._services = replace(self._services, transport=transport)  # noqa: SLF001 - its own
        twin._dispatcher = self._dispatcher.beside(transport)  # noqa: SLF001 - its own
        return twin

    async def handle(self, message: Message) -> None:
        """Handle ``message`` after the earlier ones of its chat.

        Permission is checked on arrival.
        """
        role = self._services.gate.role(message)
        verdict = self._judged(message, role)
        if isinstance(verdict, Ignore):
            await self._leave_alone(message, verdict, self._noted(message, verdict))
        else:
            await self._take_turn(message, role, verdict)

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        gate, ignored = self._services.gate, 0
        async for message in self._services.transport.messages():
            role = gate.role(message)
            if of_access := self._news():
                await self._start(tasks, self._tell_owner, "\n".join(of_access))
            verdict = self._judged(message, role)
            if not isinstance(verdict, Ignore):
                await self._start(tasks, self._take_turn, message, role, verdict)
            elif news := self._noted(message, verdict):
                await self._start(tasks, self._leave_alone, message, verdict, news)
            else:
                # Inline, as these may arrive in floods; yield to the turns now and then.
                await self._leave_alone(message, verdict, "")
                ignored += 1
                if ignored % IGNORED_AT_A_TIME == 0:
                    await asyncio.sleep(0)

    async def _start(
        self,
        tasks: asyncio.TaskGroup,
        turn: Callable[[*Ts], Coroutine[Any, Any, None]],
        *args: *Ts,
    ) -> None:
        """Start a turn in a task of its own; wait while too many are in progress."""
        await self._room.acquire()
        tasks.create_task(turn(*args), name="turn").add_done_callback(self._end)

    def _end(self, _turn: asyncio.Task[None]) -> None:
        self._room.release()

    def _noted(self, message: Message, verdict: Ignore) -> str:
        """Record an ignored message; return the notice for the owner, if any."""
        self._services.records.ignored(message, verdict.refusal)
        if verdict.is_stranger and not message.is_group:
            return self._notices.introduction(message)
        return self._notices.muting(message) if verdict.mutes else ""

    async def _leave_alone(self, message: Message, verdict: Ignore, news: str) -> None:
        message_of_log.set(message)
        if news:
            await self._tell_owner(news)
        await self._services.transport.acknowledge(message, had_effect=verdict.is_stranger)

    def _judged(self, message: Message, role: Role) -> Verdict:
        """Return the verdict on a message, and log it."""
        verdict = self._decided(message, role)
        for said in self._learned():
            self._services.records.done(message, ADDRESSES, "", "kept", said)
        if logger.isEnabledFor(logging.DEBUG):
            shown = message.id, message.chat_id, role.name.lower(), _decision(verdict)
            logger.debug("message %s in %s, by one who is %s: %s", *shown)
        return verdict

    def _decided(self, message: Message, role: Role) -> Verdict:
        """Return the gate's verdict; where nobody may meet silence, a turn for the hint."""
        verdict = self._services.gate.judge(message, role, self._takes_command)
        if not isinstance(verdict, Ignore) or verdict.refusal.rule not in _HINTED:
            return verdict
        ctx = Context(message, role, self._services)
        return Say("", verdict.refusal) if self._hints.are_given(ctx) else verdict

    def _takes_command(self, message: Message, role: Role) -> bool:
        ctx, fleet = Context(message, role, self._services), self._services.fleet
        if any(plugin.takes_command(ctx) for plugin in self._plugins.values()):
            return True
        call = ctx.foreign_call
        if fleet is None or call is None or not fleet.takes_command(call.word):
            return False
        return any(plugin.takes_text(ctx) for plugin in self._plugins.values())

    def _foreign_commands(self) -> list[str]:
        return [name for each in self._plugins.values() for name in each.foreign_commands()]

    async def _reopened(self, message: Message) -> Context:
        return Context(message, await self._services.gate.role_now(message), self._services)

    async def _take_turn(self, message: Message, role: Role, verdict: Call | Say | Hear) -> None:
        message_of_log.set(message)
        if not message.attachments or isinstance(verdict, Say):
            had_effect = await self._turned(message, role, verdict)
        elif (album := self._intake.albums.joined_by(message)) is not None:
            # What another machine has taken over has all the files already.
            had_effect = await album.over() is not False
        else:
            with self._intake.albums.begun_by(message) as album:
                had_effect = await self._turned(message, role, verdict)
                album.had_effect = had_effect
        if had_effect is not None:
            await self._services.transport.acknowledge(message, had_effect=had_effect)

    async def _turned(
        self, message: Message, role: Role, verdict: Call | Say | Hear
    ) -> bool | None:
        """Carry out the verdict in the turn of the message, as the dispatcher does."""
        chat_id, turns = message.chat_id, self._services.turns
        if turns.take(chat_id):
            if isinstance(verdict, Call) and verdict.command.overtakes:
                turns.let_pass(chat_id)
        elif self._overtakes(message, role, verdict):
            return await self._dispatcher.carry_out(message, role, verdict, overtakes=True)
        else:
            await turns.wait(chat_id)
        try:
            return await self._dispatcher.carry_out(message, role, verdict)
        finally:
            turns.end(chat_id)

    def _overtakes(self, message: Message, role: Role, verdict: Call | Say | Hear) -> bool:
        if isinstance(verdict, Call):
            command, can_pass = verdict.command, self._services.turns.can_be_passed
            return command.overtakes or (command.only_reads and can_pass(message.chat_id))
        if not isinstance(verdict, Hear):
            return False
        ctx, fleet = Context(message, role, self._services), self._services.fleet
        try:
            if fleet is not None and fleet.overtakes(message):
                return True
            return any(plugin.overtakes(ctx) for plugin in self._plugins.values())
        except Exception:  # the boundary of a turn, as in _bounded
            logger.exception("a plugin could not tell whether a message overtakes")
            return False

    async def tell_owner(self, text: str) -> None:
        """Tell the owner something of Butler itself, as soon as it can be sent."""
        # A worker has no chat of its own; its log says it.
        if owner_chat_id := self._services.transport.owner_chat_id:
            await self._dispatcher.send(owner_chat_id, Reply(text, waits=True))

    async def _tell_owner(self, text: str) -> None:
        owner_chat_id = self._services.transport.owner_chat_id
        if owner_chat_id is not None:
            await self._dispatcher.send(owner_chat_id, Reply(text))


def _decision(verdict: Verdict) -> str:
    if isinstance(verdict, Call):
        return f"calls /{verdict.command.name}"
    if isinstance(verdict, Say | Ignore):
        rule, detail = verdict.refusal.rule, verdict.refusal.detail
        # The detail of a word that is no command is that word, and texts are not logged.
        return rule if rule == NOT_A_COMMAND.rule else f"{rule} ({detail})"
    return "is heard as plain text"
