"""Acts on the events of workers: sends their replies, notes their runs and questions."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from butler.access.rules import EVERYONE
from butler.chat.message import Reply
from butler.core.fleet import OpenQuestion
from butler.core.services import Services
from butler.errors import TransportError
from butler.fleet.blobs import loaded
from butler.fleet.broker import Broker, BrokerError
from butler.fleet.files import kept_file
from butler.fleet.frames import (
    Asked,
    Audited,
    Begun,
    Closed,
    Confirmed,
    Delivered,
    Event,
    JobBegan,
    JobEnded,
    Judged,
    Over,
    RoleAsked,
    Send,
    ToHub,
    Typing,
    Used,
)
from butler.fleet.inbox import Inbox
from butler.fleet.journal import Journal
from butler.fleet.member import Member
from butler.fleet.open_turns import OpenTurns
from butler.fleet.registry import Registry
from butler.fleet.tasks import Tasks
from butler.fleet.texts import not_saved
from butler.sessions import StoreError

logger = logging.getLogger(__name__)

SAVING_LIMIT_S = 30.0
SAVING_RETRY_S = 1.0

NOT_ITS_CHAT = "This machine never had a message of that chat."


class HubEvents:
    """Takes the frames of workers.

    Args:
        broker: Redis, for long texts.
        services: Sends to the chats, and more.
        turns: The open turns.
        registry: Where runs and questions are.
        journal: What was acted upon.
        tasks: Run what takes time.
        media_folder: Where the files go that workers send.
    """

    def __init__(
        self,
        broker: Broker,
        services: Services,
        turns: OpenTurns,
        registry: Registry,
        journal: Journal,
        tasks: Tasks,
        media_folder: Path,
    ) -> None:
        self._broker = broker
        self._media_folder = media_folder
        self._services = services
        self._turns = turns
        self._registry = registry
        self._journal = journal
        self._tasks = tasks
        self._inboxes: dict[str, tuple[int, Inbox]] = {}
        self._saving: dict[str, asyncio.Future[None]] = {}
        self._typing: dict[tuple[str, str], int] = {}

    def take(self, member: Member, frame: ToHub) -> None:
        """Take a frame of a worker."""
        if isinstance(frame, Typing):
            self._show_typing(member, frame)
        else:
            self._inbox(member).take(frame)

    def forget_typing(self, member: Member) -> None:
        """Note that a worker is away: nobody there types."""
        for (machine, chat_id), count in list(self._typing.items()):
            if machine == member.name:
                del self._typing[machine, chat_id]
                for _ in range(count):
                    self._services.transport.show_typing(chat_id, is_typing=False)

    def _show_typing(self, member: Member, frame: Typing) -> None:
        key = member.name, frame.chat_id
        count = self._typing.get(key, 0)
        if frame.is_typing and self._journal.may_tell(*key):
            self._typing[key] = count + 1
        elif not frame.is_typing and count:
            self._typing[key] = count - 1
        else:
            return
        self._services.transport.show_typing(frame.chat_id, is_typing=frame.is_typing)

    def _inbox(self, member: Member) -> Inbox:
        life, inbox = self._inboxes.get(member.name, (0, None))
        if inbox is None or life != member.life:
            life = member.life
            inbox = Inbox(
                lambda event: self._accept(member, life, event),
                lambda event: self._confirm_again(member, life, event),
            )
            self._inboxes[member.name] = life, inbox
        return inbox

    def _accept(self, member: Member, life: int, event: Event) -> None:
        what = event.what
        if not self._journal.may_tell(member.name, event.chat_id):
            logger.warning("%s wrote to a chat that is not its own", member.name)
            self._confirm(member, life, event, Delivered(*_place(event), None, NOT_ITS_CHAT))
        elif isinstance(what, Send):
            self._act(member, life, event, self._send(member, life, event, what))
        elif isinstance(what, Used):
            self._act(member, life, event, self._use(member, life, event, what))
        elif isinstance(what, RoleAsked):
            self._act(member, life, event, self._judge(member, life, event, what))
        elif isinstance(what, Over) and event.chat_id in self._saving:
            saving = self._saving[event.chat_id]
            self._act(member, life, event, self._note_after(saving, member, life, event))
        else:
            self._note(member, life, event)
            self._confirm(member, life, event, Confirmed(*_place(event)))

    def _act(
        self, member: Member, life: int, event: Event, work: Coroutine[Any, Any, None]
    ) -> None:
        """Act on an event in a task; if that fails, it is taken again when it is repeated."""
        self._tasks.run(self._guarded(member, life, event, work), f"an event of {member.name}")

    async def _guarded(
        self, member: Member, life: int, event: Event, work: Coroutine[Any, Any, None]
    ) -> None:
        try:
            await work
        except Exception:  # the boundary of an event
            logger.exception("an event of %s could not be acted upon yet", member.name)
            known_life, inbox = self._inboxes[member.name]
            if known_life == life:
                inbox.fail(event)

    async def _note_after(
        self, saving: asyncio.Future[None], member: Member, life: int, event: Event
    ) -> None:
        """Note the end of a turn once the repo that it chose is saved: the next one goes there."""
        await asyncio.wait([saving])
        self._note(member, life, event)
        self._confirm(member, life, event, Confirmed(*_place(event)))

    def _note(self, member: Member, life: int, event: Event) -> None:
        chat_id, machine = event.chat_id, member.name
        match event.what:
            case Begun(turn):
                self._turns.begun(turn)
            case Over() as over:
                self._journal.end(over.turn, over)
                self._turns.over(over)
            case JobBegan(job):
                self._registry.job_began(machine, chat_id, job)
            case JobEnded(job):
                self._registry.job_ended(job)
            case Asked(job, code, rejections, text_of):
                question = OpenQuestion(chat_id, job, code, rejections, text_of)
                self._registry.question_asked(machine, question, life)
            case Closed(_job, code):
                self._registry.question_closed(chat_id, code)
            case Audited() as audited:
                self._audit(member, life, event, audited)
            case _:
                pass

    def _audit(self, member: Member, life: int, event: Event, what: Audited) -> None:
        if self._journal.outcome(member.name, life, event) is None:
            repo = what.repo and f"{member.name}/{what.repo}"
            message = replace(what.message, chat_id=event.chat_id)
            self._services.records.done(message, what.command, repo, what.result, what.detail)
            self._journal.note_event(member.name, life, event, None)

    async def _send(self, member: Member, life: int, event: Event, what: Send) -> None:
        outcome = self._journal.outcome(member.name, life, event)
        if outcome is None:
            outcome = await self._sent(member, life, event, what)
        self._confirm(member, life, event, outcome)

    async def _sent(self, member: Member, life: int, event: Event, what: Send) -> Delivered:
        try:
            text = what.text if what.blob is None else await loaded(self._broker, what.blob)
            answers = what.answers and self._turns.of(replace(what.answers, chat_id=event.chat_id))
            reply = Reply(
                *(text, answers, what.edits, what.file_name, what.is_urgent),
                mentions=what.mentions,
                key=_reply_key(member, life, event),
                waits=what.waits,
                attachment=await self._attached(what),
            )
            message_id = await self._services.send(event.chat_id, reply)
        except (TransportError, BrokerError) as error:
            self._journal.note_event(member.name, life, event, None, str(error))
            return Delivered(*_place(event), None, str(error))
        self._journal.note_event(member.name, life, event, message_id)
        if what.edits is None:
            self._registry.note_sent(member.name, event.chat_id, message_id)
        return Delivered(*_place(event), message_id)

    async def _attached(self, what: Send) -> Path | None:
        if what.attachment is None:
            return None
        return await kept_file(self._broker, what.attachment, self._media_folder)

    async def _use(self, member: Member, life: int, event: Event, what: Used) -> None:
        saving = asyncio.get_running_loop().create_future()
        self._saving[event.chat_id] = saving
        try:
            await self._save(member, event.chat_id, what)
        finally:
            saving.set_result(None)
            if self._saving.get(event.chat_id) is saving:
                del self._saving[event.chat_id]
        self._confirm(member, life, event, Confirmed(*_place(event)))

    async def _save(self, member: Member, chat_id: str, what: Used) -> None:
        """Save the active repo of a chat, or say that this could not be done."""
        name, until = f"{member.name}/{what.repo}", time.monotonic() + SAVING_LIMIT_S
        save = self._services.sessions.set_active_repo
        while True:
            try:
                await asyncio.to_thread(save, chat_id, name, what.path)
                return
            except StoreError as error:
                if time.monotonic() > until:
                    logger.error("the active repo of a chat cannot be saved: %s", error)
                    text = not_saved(member.name, what.repo, error.reason)
                    await self._services.send(chat_id, Reply(text))
                    return
            await asyncio.sleep(SAVING_RETRY_S)

    async def _judge(self, member: Member, life: int, event: Event, what: RoleAsked) -> None:
        message = replace(what.message, chat_id=event.chat_id)
        gate = self._services.gate
        role = await gate.role_now(message)
        allowed = gate.allowed_commands(message, role) if role is not EVERYONE else []
        may = tuple(each.name for each in allowed)
        self._confirm(member, life, event, Judged(*_place(event), role, may))

    def _confirm(
        self, member: Member, life: int, event: Event, outcome: Confirmed | Delivered | Judged
    ) -> None:
        known_life, inbox = self._inboxes[member.name]
        if known_life == life:
            inbox.end(event)
            member.pump.send(outcome, is_urgent=True)

    def _confirm_again(self, member: Member, life: int, event: Event) -> None:
        if isinstance(event.what, RoleAsked):
            self._act(member, life, event, self._judge(member, life, event, event.what))
            return
        outcome: Confirmed | Delivered = Confirmed(*_place(event))
        if isinstance(event.what, Send):
            known = self._journal.outcome(member.name, life, event)
            outcome = known or Delivered(*_place(event), None, "Its outcome is no longer known.")
        self._confirm(member, life, event, outcome)


def _place(event: Event) -> tuple[str, int]:
    return event.chat_id, event.number


def _reply_key(member: Member, life: int, event: Event) -> str:
    """Return a key that is the same if the event comes again, even to another process."""
    chat = hashlib.blake2b(event.chat_id.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return f"{member.name}.{life}.{chat}.{event.number}"
