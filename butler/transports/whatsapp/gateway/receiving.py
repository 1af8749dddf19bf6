"""Receiving: from the library's thread into the inbox, and from there to the daemon."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import ParamSpec, TypeVar

from google.protobuf.message import (  # type: ignore[import-untyped]  # ships no types
    DecodeError,
)
from neonize.proto.Neonize_pb2 import Message as MessageEvent

from butler.logs import about
from butler.transports.whatsapp.gateway.changes import Changes
from butler.transports.whatsapp.gateway.contents import Change, change, is_key_only
from butler.transports.whatsapp.gateway.jids import address
from butler.transports.whatsapp.gateway.translation import Translator, key
from butler.transports.whatsapp.journal.database import Journal, UnwritableError
from butler.transports.whatsapp.journal.inbox import Entry, Key, State
from butler.transports.whatsapp.protocol.frames import (
    EDITED_TOO_LATE,
    Acknowledge,
    Acknowledged,
    Ignored,
    Incoming,
    ToDaemon,
)

logger = logging.getLogger(__name__)

MOST_IN_HAND = 2_000
"""Maximum number of unacknowledged messages at the daemon; the others wait in the inbox."""

GATHER_S = 0.005
"""Pause under load that lets the library's thread deliver a batch.

Otherwise the thread and the loop hand the interpreter lock back and forth for every message, which
takes longer than the work itself (bench/journal.py).
"""

RETRY_S = 0.5
_BATCH = 100

Tell = Callable[[*tuple[ToDaemon, ...]], Awaitable[None]]
P = ParamSpec("P")
T = TypeVar("T")


async def persisted(change: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of ``change``; retry while the journal cannot be written."""
    while True:
        try:
            return change(*args, **kwargs)
        except UnwritableError:
            await asyncio.sleep(RETRY_S)


class Receiver:
    """Stores events and delivers them to the daemon in order.

    Args:
        journal: The store of events.
        tell: Sends frames to the daemon, in order.
        is_settled: Delivery pauses while this is not set.
        loop: The loop that delivers.
        on_live: Called with the time of a message that has just arrived, before it is delivered.
    """

    def __init__(
        self,
        journal: Journal,
        tell: Tell,
        is_settled: asyncio.Event,
        loop: asyncio.AbstractEventLoop,
        on_live: Callable[[float], None] = lambda _sent_at: None,
    ) -> None:
        self._on_live = on_live
        self._live: deque[float] = deque()
        self._journal = journal
        self._inbox = journal.inbox
        self._changes = Changes(journal.inbox)
        self._tell = tell
        self._is_settled = is_settled
        self._loop = loop
        self._news = asyncio.Event()
        self._news.set()
        self._duplicates: deque[bytes] = deque()
        self._fresh: deque[tuple[Entry, MessageEvent]] = deque()
        self._is_waking = False
        self._last_row = 0
        self._in_hand: set[int] = set()
        self._over: list[int] = []
        self._without_effect: set[int] = set()
        self._has_over = asyncio.Event()

    def keep(self, raw: bytes) -> None:
        """Write an event to the journal; runs on the library's thread.

        Raises:
            UnwritableError: The journal cannot be written at the moment.
            DataError: The journal is damaged.
        """
        try:
            event = MessageEvent.FromString(raw)
        except DecodeError:
            self._set_aside(raw)
            return
        if is_key_only(event.Message):
            return
        changed = change(event.Message)
        is_live = self._is_settled.is_set()
        is_handed = is_live and changed is None and self._has_room()
        if is_live:
            # First, so that it is known once the message is handed over: a clock may jump.
            self._live.append(event.Info.Timestamp / 1000)
        row = self._inbox.add(
            key(event.Info),
            raw,
            author=address(event.Info.MessageSource.Sender),
            edits=changed.target if changed else None,
            state=State.HANDED if is_handed else State.RECEIVED,
        )
        if row is None:
            self._duplicates.append(raw)
        elif is_handed:
            self._fresh.append((Entry(row, key(event.Info), raw, State.HANDED), event))
        self._wake()

    def _has_room(self) -> bool:
        return len(self._fresh) < _BATCH and len(self._in_hand) < MOST_IN_HAND - _BATCH

    async def hand_over(self, translator: Translator) -> None:
        """Deliver the inbox and new events, forever."""
        while True:
            await self._news.wait()
            await self._is_settled.wait()
            self._news.clear()
            self._note_time()
            await self._report_duplicates(translator)
            await self._hand_fresh(translator)
            while (limit := min(_BATCH, MOST_IN_HAND - len(self._in_hand))) > 0:
                entries = self._inbox.open(self._last_row, limit)
                if entries:
                    await self._hand(entries, translator)
                if len(entries) < limit:
                    break
            if self._is_waking or self._news.is_set():
                await asyncio.sleep(GATHER_S)

    def acknowledge(self, over: Acknowledge) -> None:
        """Queue the acknowledgement of turns for :meth:`finish_turns`."""
        self._over += over.rows
        self._without_effect |= over.without_effect
        self._has_over.set()

    async def finish_turns(self) -> None:
        """Store acknowledgements and confirm them to the daemon, forever."""
        while True:
            await self._has_over.wait()
            self._has_over.clear()
            rows, self._over = self._over, []
            idle, self._without_effect = self._without_effect, set()
            await persisted(self._inbox.finish, [row for row in rows if row not in idle])
            await persisted(self._inbox.finish_without_effect, idle)
            self._in_hand.difference_update(rows)
            self._news.set()
            await self._tell(Acknowledged(tuple(rows)))

    def _set_aside(self, raw: bytes) -> None:
        made_up = hashlib.sha256(raw).hexdigest()[:32]
        if self._inbox.add(Key(made_up, "", ""), raw, state=State.BROKEN):
            logger.error("an event of %d bytes cannot be read; kept as %s", len(raw), made_up)

    def _note_time(self) -> None:
        while self._live:
            self._on_live(self._live.popleft())

    def _wake(self) -> None:
        """Wake the loop for new events; waking it takes longer than storing one."""
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._is_waking = False
        self._news.set()

    async def _report_duplicates(self, translator: Translator) -> None:
        while self._duplicates:
            event = MessageEvent.FromString(self._duplicates.popleft())
            message = await persisted(translator.message, event)
            await self._tell(Ignored(None, message, "duplicate", "received before"))

    async def _hand_fresh(self, translator: Translator) -> None:
        """Deliver what was stored as handed, unless the journal has something before it."""
        frames: list[Incoming | Ignored] = []
        while self._fresh:
            entry, event = self._fresh.popleft()
            if entry.row != self._last_row + 1:
                continue  # it was delivered from the journal, or is delivered from there next
            frame = await persisted(self._translated, entry, event, translator)
            self._last_row = entry.row
            if frame is not None:
                self._in_hand.add(entry.row)
                frames.append(frame)
        if frames:
            self._note_time()
            await self._tell(*frames)

    async def _hand(self, entries: list[Entry], translator: Translator) -> None:
        opened = {entry.row for entry in entries}
        self._in_hand |= opened
        changes = await persisted(self._inbox.changes_of, [entry.key for entry in entries])
        absorbed: set[int] = set()
        frames = [
            await self._frame(entry, changes.get(entry.key, ()), translator, absorbed)
            for entry in entries
        ]
        rows = [frame.row for frame in frames if frame is not None and frame.row is not None]
        await persisted(self._inbox.hand, rows)
        self._last_row = entries[-1].row
        self._in_hand -= opened.difference(rows)
        self._note_time()
        # An earlier gateway of this daemon may have delivered it; its turn may have ended.
        await self._tell(*(each for each in frames if each and each.row in self._in_hand))

    async def _frame(
        self, entry: Entry, changes: Sequence[Entry], translator: Translator, absorbed: set[int]
    ) -> Incoming | Ignored | None:
        if entry.row in absorbed:
            return None
        try:
            event = MessageEvent.FromString(entry.event)
        except DecodeError:
            with about(entry.key):
                logger.error("message %s in the journal cannot be read", entry.key.message_id)
            await persisted(self._inbox.set_aside, entry.row)
            return None
        if changes:
            sender = await persisted(translator.sender, event.Info.MessageSource)
            await persisted(self._changes.absorb, entry, event, changes, sender)
            absorbed |= {each.row for each in changes}
        return await persisted(self._translated, entry, event, translator)

    def _translated(
        self, entry: Entry, event: MessageEvent, translator: Translator, *, is_edit: bool = False
    ) -> Incoming | Ignored | None:
        message = translator.message(event)
        with about(message):
            logger.debug("message %d is handed over", entry.row)
        refusal = translator.refusal(event, message)
        if refusal is None:
            return Incoming(entry.row, message, is_edit=is_edit)
        changed = change(event.Message)
        ignored = Ignored(entry.row, message, refusal.rule, refusal.detail)
        if changed is None:
            return ignored
        if changed.target == entry.key.message_id:
            return replace(ignored, is_lost=changed.is_sealed)
        target = self._changes.target(entry, changed)
        if target is None:
            return self._of_no_message(entry, changed, ignored)
        changed = self._changes.opened(changed, target, message.sender)
        if not changed.is_edit and target.state is not State.RECEIVED:
            return _taken_back(target, changed, ignored)
        edited = self._changes.take_effect(entry, target, changed, event.Info.Timestamp)
        if target.state is State.HANDED:
            return self._translated(target, edited, translator, is_edit=True)
        self._news.set()
        return None

    def _of_no_message(self, entry: Entry, changed: Change, ignored: Ignored) -> Ignored:
        """Return the frame for a change of a message whose turn is over, or that never came."""
        if not changed.is_sealed:
            return ignored
        if self._changes.is_known(entry, changed):
            return replace(ignored, rule=EDITED_TOO_LATE.rule, detail=EDITED_TOO_LATE.detail)
        return replace(ignored, is_lost=not ignored.message.is_group)


def _taken_back(target: Entry, changed: Change, ignored: Ignored) -> Ignored:
    """Return the frame for a deletion, or for an edit that cannot be read.

    What becomes of the chatter in a group is nobody's concern.
    """
    withdraws = target.row if target.state is State.HANDED else None
    is_lost = changed.is_sealed and (withdraws is not None or not ignored.message.is_group)
    return replace(ignored, withdraws=withdraws, is_lost=is_lost)
