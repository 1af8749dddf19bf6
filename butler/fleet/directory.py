"""The workers of a hub: who is there, and since when not."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from butler.fleet.broker import HEARTBEAT_S, Broker, BrokerError
from butler.fleet.frames import Greeting
from butler.fleet.member import Member
from butler.fleet.names import machine_of
from butler.logs import Complaint

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
MISSES = 2
"""Consecutive looks that must miss a worker before it counts as away."""


class Observer(Protocol):
    """Takes notice of what happens to the workers."""

    def note_back(self, member: Member) -> None:
        """Take notice that one is there: for the first time, again, or with a new process."""
        ...

    def note_away(self, member: Member) -> None:
        """Take notice that one is missed."""
        ...

    def note_unreachable(self) -> None:
        """Take notice that Redis is away, and with it all of them for now."""
        ...


class Directory:
    """Looks after the workers.

    Args:
        broker: Redis.
        hub: The name of this hub.
        keys: Returns the keys of the workers that are paired now.
        make: Makes a member.
        numbers: Returns the highest number of a run that is known, and that there may be.

    Attributes:
        is_reachable: Whether Redis is there.
    """

    def __init__(
        self,
        broker: Broker,
        hub: str,
        keys: Callable[[], Mapping[str, bytes]],
        make: Callable[[str, bytes], Member],
        numbers: Callable[[], tuple[int, int]],
    ) -> None:
        self._broker = broker
        self._hub = hub
        self._keys = keys
        self._make = make
        self._observer: Observer
        self._numbers = numbers
        self._members: dict[str, Member] = {}
        self._lives: dict[str, int] = {}
        self._patient_until = 0.0
        self._complaint = Complaint(logger)
        self.is_reachable = True

    def report_to(self, observer: Observer) -> None:
        """Let somebody take notice of the workers; to be called before anything else."""
        self._observer = observer

    def __iter__(self) -> Iterator[Member]:
        """Yield the workers by name."""
        return iter([self._members[name] for name in sorted(self._members)])

    def get(self, name: str) -> Member | None:
        """Return the worker of this name, if one is paired."""
        return self._members.get(name)

    async def watch(self) -> None:
        """Look after the workers for ever."""
        while True:
            try:
                await self.look()
                self._complaint.end("Redis can be reached again")
            except BrokerError as error:
                self._complaint.begin("Redis cannot be reached: %s", error)
                self._note_unreachable()
                # Their heartbeats could not reach it either; nobody is taken for dead for that.
                self._patient_until = time.monotonic() + 2 * HEARTBEAT_S
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once.

        Raises:
            BrokerError: Redis does not answer.
        """
        self._note_pairings()
        await self._broker.raise_number(*self._numbers())
        members = list(self)
        seen = await self._broker.look(machine_of(self._hub), [each.name for each in members])
        self.is_reachable = True
        for member, (is_alive, card) in zip(members, seen, strict=True):
            if card is not None:
                member.take_card(card)
            self._note_pulse(member, is_alive=is_alive)

    def note_life(self, member: Member) -> None:
        """Note that a worker was heard of; it is there, whatever Redis says of it."""
        member.misses = 0
        if member.is_known:
            self._note_there(member)

    def _note_unreachable(self) -> None:
        if self.is_reachable:
            self.is_reachable = False
            self._observer.note_unreachable()

    def _note_pulse(self, member: Member, *, is_alive: bool) -> None:
        if is_alive and member.is_known:
            member.misses = 0
            self._note_there(member)
            if not member.knows_hub:
                member.pump.send(Greeting(), is_urgent=True)
            return
        member.misses += 1
        is_over = member.misses >= MISSES and time.monotonic() >= self._patient_until
        if (member.is_online or member.is_new) and is_over:
            member.is_online = member.is_new = False
            member.away_since = member.seen_at or time.time()
            member.pump.drop_all()
            logger.warning("%s is away", member.name)
            self._observer.note_away(member)

    def _note_there(self, member: Member) -> None:
        if member.is_online and self._lives.get(member.name) == member.life:
            return
        member.is_online, member.is_new = True, False
        self._lives[member.name] = member.life
        logger.info("%s is there", member.name)
        self._observer.note_back(member)

    def _note_pairings(self) -> None:
        keys = self._keys()
        for name, key in keys.items():
            if name not in self._members or self._members[name].key != key:
                self._members[name] = self._make(name, key)
        for name in self._members.keys() - keys.keys():
            member = self._members.pop(name)
            if member.is_online:
                self._observer.note_away(member)
