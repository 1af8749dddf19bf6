"""A worker as its hub sees it."""

import logging
import time
from collections.abc import Callable, Sequence

from butler.access.rules import OWNER, Audience, People, Role
from butler.chat.message import Message, Person
from butler.chat.text import folded
from butler.errors import DataError
from butler.fleet.broker import Broker, BrokerError, Pushed
from butler.fleet.frames import Card, SharedRepo, ToHub, ToWorker
from butler.fleet.names import machine_of
from butler.fleet.pump import Pump
from butler.fleet.streams import Received, in_order, of_hub, overtaking
from butler.fleet.wire import (
    Address,
    StaleError,
    VersionError,
    WireError,
    open_card,
    open_to_hub,
    seal,
)

logger = logging.getLogger(__name__)


class Member:
    """A worker that is paired with this machine.

    Args:
        broker: Redis.
        hub: The name of this hub.
        life: Of this process.
        name: The name of the worker.
        key: Shared with it, and not in Redis.
        commit: Writes the journal, before anything leaves.

    Attributes:
        name: Its name.
        key: Shared with it.
        epoch: The highest that was seen.
        card: What it last said about itself; None before it was seen.
        life: The life of its process; 0 before it was seen.
        is_new: It was neither seen nor missed yet.
        is_online: It is alive, and speaks this version.
        away_since: When it was missed, in Unix seconds.
        seen_at: When it was seen last, in Unix seconds.
        problem: A sentence, if it cannot be used until somebody acts.
        misses: For how many looks in a row it was not alive.
        pump: What is on its way to it.
    """

    def __init__(
        self, broker: Broker, hub: str, life: int, name: str, key: bytes, commit: Callable[[], None]
    ) -> None:
        self._broker = broker
        self._hub = hub
        self._own_life = life
        self.key = key
        self._commit = commit
        self._serial = 0
        self._last = (0, 0)
        self._card_place = (0, 0)
        self._card_data = b""
        self._card_of = (0, 0)
        self.is_new = True
        self.name = name
        self.card: Card | None = None
        self.life = 0
        self.epoch = 0
        self.is_online = False
        self.away_since = 0.0
        self.seen_at = 0.0
        self.problem = ""
        self.misses = 0
        self.pump: Pump[ToWorker] = Pump(self._push, name)

    @property
    def is_known(self) -> bool:
        """Whether it has said what it is in its present epoch, and can be used."""
        is_of_now = self._card_of == (self.life, self.epoch)
        return self.card is not None and is_of_now and not self.problem

    @property
    def knows_hub(self) -> bool:
        """Whether its card says that it has heard of this life of the hub."""
        return self.card is not None and (self._hub, self._own_life) in self.card.known

    def take_card(self, data: bytes) -> None:
        """Take what it says about itself, if it is newer than what is known."""
        if data == self._card_data:
            return
        self._card_data = data
        try:
            address, card = open_card(self.key, data)
        except VersionError as error:
            self.problem = (
                f"{self.name} runs another version of Butler (it speaks version {error.version} "
                "of the protocol). Update the older one of the two."
            )
            return
        except WireError as error:
            logger.warning("a card of %s was refused: %s", self.name, error)
            return
        place = address.epoch, address.serial
        wanted = self.name, f"card:{machine_of(self._hub)}"
        if (address.sender, address.receiver) != wanted or place <= self._card_place:
            return
        self._card_place, self.card, self.problem = place, card, ""
        self.life, self.epoch = address.life, address.epoch
        self._card_of = address.life, address.epoch
        self.seen_at = time.time()

    def open(self, received: Received) -> list[ToHub]:
        """Return the frames of an envelope.

        Raises:
            WireError: It is not from this worker, not for this process, or was there before.
        """
        address, frames = open_to_hub(self.key, received.envelope)
        if (address.sender, address.receiver) != (self.name, of_hub(self._hub)):
            raise WireError("it is for somebody else")
        if address.to_life != self._own_life:
            raise StaleError("it is for another life of this hub")
        place = address.life, address.serial
        if place <= self._last or address.epoch < self.epoch:
            raise WireError("it was there before, or a later epoch has begun")
        self._last, self.life, self.epoch = place, address.life, address.epoch
        self.seen_at = time.time()
        self.misses = 0
        return frames

    def repo(self, name: str, message: Message, role: Role) -> SharedRepo | None:
        """Return its repo of this name, if it has one that the sender may know of."""
        repos = self.card.repos if self.card else ()
        named = (each for each in repos if folded(each.name) == folded(name))
        return next((each for each in named if _may_see(each, message, role)), None)

    def repos(self, message: Message, role: Role) -> list[SharedRepo]:
        """Return its repos that the sender may know of."""
        repos = self.card.repos if self.card else ()
        return [each for each in repos if _may_see(each, message, role)]

    async def _push(self, urgent: Sequence[ToWorker], other: Sequence[ToWorker]) -> Pushed:
        try:
            self._commit()
        except DataError as error:
            raise BrokerError(str(error)) from error
        return await self._broker.push_to_worker(
            self.name,
            self._sealed(overtaking(self.name), urgent),
            self._sealed(in_order(self.name), other),
        )

    def _sealed(self, stream: str, frames: Sequence[ToWorker]) -> bytes | None:
        if not frames:
            return None
        self._serial += 1
        address = Address(self._hub, stream, self._own_life, self.epoch, self.life, self._serial)
        return seal(self.key, address, frames)


def _may_see(repo: SharedRepo, message: Message, role: Role) -> bool:
    if role is OWNER or (repo.people is None and repo.chats is None):
        return True
    people = People(Person.parse(each) for each in repo.people or ())
    audience = Audience(people, frozenset(repo.chats or ()))
    return message.chat_id in audience.chats or message.sender in audience.people
