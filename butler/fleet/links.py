"""A worker's links to its hubs, and what is told over them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from butler.chat.message import Reply
from butler.errors import TransportError
from butler.fleet.blobs import LONGEST_CHARS, stored
from butler.fleet.broker import Broker
from butler.fleet.files import stored_file
from butler.fleet.frames import Delivered, Happening, Send, ToWorker, Typing
from butler.fleet.hub_link import HubLink
from butler.fleet.membership import Membership
from butler.fleet.names import machine_of, parted
from butler.fleet.outbox import REPEAT_S, OutboxFullError, Outcome
from butler.fleet.streams import Received
from butler.fleet.turns import for_hub
from butler.fleet.wire import sender_of

logger = logging.getLogger(__name__)

SEND_LIMIT_S = 24 * 3600.0
EDIT_LIMIT_S = 600.0
LAST_CALL_S = 5.0


class Links:
    """The links to all hubs that were heard of, or that something is to be told.

    Args:
        broker: Redis.
        worker: The name of this worker.
        life: Of this process.
        membership: Has the epoch.
        key_of: Returns the key that is shared with a machine, if they are paired.
        run: Runs a task for as long as the worker is there.
    """

    def __init__(
        self,
        broker: Broker,
        worker: str,
        life: int,
        membership: Membership,
        key_of: Callable[[str], bytes | None],
        run: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        self._broker = broker
        self._worker = worker
        self._life = life
        self._membership = membership
        self._key_of = key_of
        self._run = run
        self._links: dict[str, HubLink] = {}
        self._last_call = asyncio.Event()

    @property
    def known(self) -> tuple[tuple[str, int], ...]:
        """The hubs that were heard of, with their lives."""
        return tuple((hub, link.known_life) for hub, link in self._links.items())

    def open(self, received: Received) -> tuple[str, list[ToWorker]]:
        """Return the hub that an envelope is from, and its frames.

        Raises:
            WireError: It is not what it should be.
            TransportError: It is from a hub with which this worker is not paired.
        """
        hub = sender_of(received.envelope)
        link = self._links.get(hub) or self._made(hub)
        before = link.known_life
        frames = link.open(received)
        self._keep(hub, link)
        if link.known_life != before:
            self._membership.beat_soon()
            link.outbox.repeat(0)
        return hub, frames

    def confirm(self, hub: str, outcome: Outcome) -> None:
        """Take what a hub says of an event."""
        self._links[hub].outbox.confirm(outcome)

    def report(self, chat_id: str, what: Happening) -> asyncio.Future[Outcome] | None:
        """Tell the hub of a chat what happened; it is repeated until the hub confirms it."""
        try:
            return self._added(chat_id, what)
        except TransportError as error:
            logger.warning("an event is lost: %s", error)
            return None

    async def outcome_of(self, chat_id: str, what: Happening) -> Outcome:
        """Return what the hub of a chat says of an event.

        Raises:
            TransportError: There is no such hub, or it has not answered for too long.
        """
        return await self._added(chat_id, what)

    async def deliver(self, chat_id: str, reply: Reply) -> str:
        """Have the hub of a chat send a reply; return its id on the chat network.

        Raises:
            TransportError: It could not be sent, or the hub did not say so in time.
        """
        hub, of_hub = parted(chat_id)
        text, blob = reply.text, None
        if len(text) > LONGEST_CHARS:
            text, blob = "", await stored(self._broker, text)
        attachment = None
        if reply.attachment is not None:
            attachment = await stored_file(self._broker, reply.attachment)
        answers = reply.answers and for_hub(reply.answers, of_hub)
        send = Send(
            *(text, answers, reply.edits, reply.file_name, reply.is_urgent),
            *(blob, reply.mentions, reply.waits, attachment),
        )
        outcome = await self._in_time(
            self._added(chat_id, send), EDIT_LIMIT_S if reply.edits else SEND_LIMIT_S
        )
        if not isinstance(outcome, Delivered):
            raise TransportError(f"{hub} did not say in time whether a reply was sent.")
        if outcome.id is None:
            raise TransportError(outcome.reason)
        return outcome.id

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Show or hide the typing indicator in a chat of a hub."""
        hub, of_hub = parted(chat_id)
        if link := self._links.get(hub):
            link.pump.send(Typing(of_hub, is_typing))

    def call_last(self) -> None:
        """Wait no longer for what hubs may not say soon."""
        self._last_call.set()

    async def repeat(self) -> None:
        """Repeat for ever what is not confirmed."""
        while True:
            await asyncio.sleep(REPEAT_S / 2)
            for link in self._links.values():
                if link.known_life:
                    link.outbox.repeat()

    async def confirmed(self) -> None:
        """Wait until the hubs that are there have confirmed everything."""
        for link in self._links.values():
            if link.known_life:
                await link.outbox.confirmed()

    async def _in_time(self, outcome: asyncio.Future[Outcome], limit_s: float) -> Outcome | None:
        last_call = asyncio.ensure_future(self._last_call.wait())
        either: set[asyncio.Future[Any]] = {outcome, last_call}
        try:
            await asyncio.wait(either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not outcome.done() and last_call.done():
                await asyncio.wait({outcome}, timeout=LAST_CALL_S)
        finally:
            last_call.cancel()
        return outcome.result() if outcome.done() else None

    def _added(self, chat_id: str, what: Happening) -> asyncio.Future[Outcome]:
        hub, of_hub = parted(chat_id)
        link = self._links.get(hub)
        if link is None:
            link = self._made(hub)
            self._keep(hub, link)
        try:
            return link.outbox.add(of_hub, what)
        except OutboxFullError:
            raise TransportError(f"{hub} has not answered for too long.") from None

    def _made(self, hub: str) -> HubLink:
        key = self._key_of(machine_of(hub))
        if key is None:
            raise TransportError(f"This worker is not paired with {machine_of(hub)}.")
        return HubLink(self._broker, self._worker, hub, key, self._life, self._membership)

    def _keep(self, hub: str, link: HubLink) -> None:
        if hub not in self._links:
            self._links[hub] = link
            self._run(link.pump.run(), f"events for {hub}")
