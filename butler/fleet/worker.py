"""A worker: the transport of a bot whose messages come from hubs."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from butler import distribution
from butler.chat.message import Attachment, Message, Reply
from butler.chat.transport import NO_NAMES
from butler.errors import DataError, TransportError, UserError
from butler.fleet.broker import Broker, BrokerError
from butler.fleet.files import kept_file
from butler.fleet.frames import (
    Begun,
    Card,
    Confirmed,
    Delivered,
    Greeting,
    Judged,
    Over,
    ToWorker,
    Turn,
    Withdrawn,
)
from butler.fleet.links import Links
from butler.fleet.marks import Marks, State
from butler.fleet.membership import Membership
from butler.fleet.names import joined
from butler.fleet.offer import MOST_FOREIGN_COMMANDS, Offer
from butler.fleet.streams import Reader, in_order, overtaking
from butler.fleet.tasks import end
from butler.fleet.turns import HandedTurn, HandedTurns
from butler.fleet.wire import StaleError, WireError

logger = logging.getLogger(__name__)

SLOTS = 256
"""Maximum number of turns in hand; hubs repeat the others."""

CLOSE_LIMIT_S = 2.0


class WorkerTransport:
    """Takes turns from hubs and sends what comes of them back; a ``Transport``.

    Leaving the block gives up the worker's name. If another worker took it, leaving raises a
    TransportError.

    Args:
        broker: Redis.
        offer: What the worker is and has.
        marks_path: Where the marks are, on this machine.
        media_folder: Where the files of messages go.

    Attributes:
        turns: The turns in hand.
        jobs: The runs in progress: chats and numbers.
        links: To the hubs.
        on_turn: Called with each turn before its message is yielded.
    """

    # It has no chat of its own; so nothing here is taken for the owner's private chat.
    owner_chat_id: str | None = ""
    chat_names: Mapping[str, str] = NO_NAMES

    def __init__(self, broker: Broker, offer: Offer, marks_path: Path, media_folder: Path) -> None:
        self._broker = broker
        self._offer = offer
        self._marks_path = marks_path
        self._media_folder = media_folder
        self._since = time.time()
        self._life = int(self._since * 1000)
        self._card_serial = 0
        self._membership = Membership(broker, offer.name, offer.owner, self._cards)
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._is_last_call = False
        self.turns = HandedTurns()
        self.jobs: set[tuple[str, int]] = set()
        self.links = Links(
            *(broker, offer.name, self._life, self._membership, offer.key_of, self._run)
        )
        self._foreign_commands: Callable[[], Iterable[str]] = tuple
        self.on_turn: Callable[[HandedTurn], None] = lambda _turn: None

    async def __aenter__(self) -> Self:
        self._marks = Marks(self._marks_path)
        try:
            await self._membership.join()
        except BaseException:
            self._marks.close()
            raise
        self._run(self._read(), "turns")
        self._run(self._membership.keep(), "heartbeat")
        self._run(self.links.repeat(), "repeats")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self._failure else CLOSE_LIMIT_S):
                await self.links.confirmed()
        await end(self._tasks)
        if self._failure is None:
            await self._membership.leave()
        self._marks.close()
        if exc is None and self._failure is not None:
            raise self._failure

    async def messages(self) -> AsyncIterator[Message]:
        """Yield the message of each turn."""
        while (message := await self._messages.get()) is not None:
            yield message

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Have the hub send a reply; return its id on the chat network.

        Raises:
            TransportError: The hub could not send it, or did not say so in time.
        """
        turn = self.turns.of(reply.answers)
        if turn is not None and turn.frame.is_joined and reply.file_name is None:
            turn.reply = reply.text
            return ""
        return await self.links.deliver(chat_id, reply)

    async def fetch(self, message: Message) -> tuple[Attachment, ...]:
        """Return the attachments of ``message``, whose files the hub has fetched.

        Raises:
            UserError: The hub has not, or they cannot be had here.
        """
        turn = self.turns.of(message)
        files = turn.frame.files if turn is not None else ()
        if len(files) != len(message.attachments):
            raise UserError("The files of that message did not come along. Send them again.")
        try:
            paths = [await kept_file(self._broker, each, self._media_folder) for each in files]
        except (TransportError, BrokerError) as error:
            logger.warning("a file of a hub cannot be had: %s", error)
            raise UserError(
                f"The files of that message cannot be had on {self._offer.name}. Send them again."
            ) from error
        pairs = zip(message.attachments, paths, strict=True)
        return tuple(replace(each, path=path) for each, path in pairs)

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Show or hide the typing indicator in a chat of a hub."""
        self.links.show_typing(chat_id, is_typing=is_typing)

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Mark a turn as begun, on this machine's disk.

        Raises:
            DataError: That cannot be done, so nothing may begin.
        """
        turn = self.turns.of(message)
        if turn is None:
            return
        self._marks.add(turn.frame.id, State.BEGUN if is_told else State.TAKEN_OVER)
        if not turn.has_begun:
            turn.has_begun = True
            self.links.report(message.chat_id, Begun(turn.frame.id))

    def is_withdrawn(self, message: Message) -> bool:
        """Return whether the sender deleted a message before its turn."""
        turn = self.turns.of(message)
        return turn is not None and turn.is_withdrawn

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        """Mark a turn as over, and tell its hub."""
        turn = self.turns.of(message)
        if turn is None:
            return
        self.turns.end(turn)
        over = Over(
            *(turn.frame.id, turn.result, turn.repo, turn.detail),
            *(turn.is_counted, turn.is_unheard, had_effect),
            reply=turn.reply,
        )
        self._end(message.chat_id, over)

    def offer(self, foreign_commands: Callable[[], Iterable[str]]) -> None:
        """Show the hubs which commands plugins take though none has them."""
        self._foreign_commands = foreign_commands
        self._membership.beat_soon()

    def show_soon(self) -> None:
        """Show the hubs soon what has changed on the card."""
        self._membership.beat_soon()

    def call_last(self) -> None:
        """Take no more turns, and wait no longer for what hubs may not say soon."""
        self._is_last_call = True
        self.links.call_last()
        self._membership.beat_soon()

    def _end(self, chat_id: str, over: Over) -> None:
        """Mark a turn as over and tell the hub; keep its id until that is confirmed."""
        try:
            self._marks.add(over.turn, State.OVER)
        except DataError as error:  # after a restart it counts as cut off
            logger.error("a turn that is over is not marked so: %s", error)
        confirmed = self.links.report(chat_id, over)
        if confirmed is None:  # too many events wait; the hub asks again
            self.turns.forget(over.turn)
        else:
            confirmed.add_done_callback(lambda _confirmed: self.turns.forget(over.turn))

    async def _read(self) -> None:
        streams = [overtaking(self._offer.name), in_order(self._offer.name)]
        async for received in Reader(self._broker, streams).envelopes():
            try:
                hub, frames = self.links.open(received)
            except StaleError as error:
                logger.debug("an envelope was dropped: %s", error)
            except (WireError, TransportError) as error:
                logger.warning("an envelope was refused: %s", error)
            else:
                for frame in frames:
                    self._take(hub, frame)

    def _take(self, hub: str, frame: ToWorker) -> None:
        match frame:
            case Turn():
                self._take_turn(hub, frame)
            case Withdrawn():
                turn = self.turns.get(frame.turn)
                if turn is not None and not turn.has_begun:
                    turn.is_withdrawn = True
            case Confirmed() | Delivered() | Judged():
                self.links.confirm(hub, frame)
            case Greeting():
                pass

    def _take_turn(self, hub: str, frame: Turn) -> None:
        """Take a turn, unless it was taken before: then say how far it came."""
        if frame.id in self.turns:
            return
        state = self._marks.state(frame.id)
        if state is not None:
            self.turns.end(self.turns.add(frame, hub))
            is_cut = state is not State.OVER
            over = Over(frame.id, is_cut=is_cut, is_told=state is State.BEGUN)
            self._end(joined(hub, frame.message.chat_id), over)
        elif frame.left_s > 0 and len(self.turns) < SLOTS and not self._is_last_call:
            turn = self.turns.add(frame, hub)
            self.on_turn(turn)
            self._messages.put_nowait(turn.message)

    def _cards(self, epoch: int) -> dict[str, bytes]:
        """Return the card for each machine with which this one is paired."""
        self._card_serial += 1
        return self._offer.sealed(self._card(), self._life, epoch, self._card_serial)

    def _card(self) -> Card:
        offer = self._offer
        return Card(
            worker=offer.name,
            version=distribution.version(),
            since=self._since,
            time=time.time(),
            slots=0 if self._is_last_call else SLOTS,
            busy=len(self.turns) + len(self.jobs),
            repos=tuple(offer.repos()),
            commands=tuple(offer.commands),
            jobs=tuple(self.jobs),
            known=self.links.known,
            foreign_commands=tuple(islice(self._foreign_commands(), MOST_FOREIGN_COMMANDS)),
        )

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run what must not end in silence."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("this worker cannot go on: %s", error)
            self._failure = self._failure or error
            self.call_last()
            self._messages.put_nowait(None)
