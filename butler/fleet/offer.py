"""What a worker offers its hubs, and the cards that say so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from butler.fleet.frames import Card, SharedRepo
from butler.fleet.wire import Address, seal

MOST_FOREIGN_COMMANDS = 1_000
"""On a card."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker offers its hubs.

    Attributes:
        name: Its name.
        owner: Tells its data folder from all others.
        repos: Returns its repos.
        commands: The names of its commands.
        key_of: Returns the key that it shares with a machine, if they are paired.
        machines: Returns the names of the machines with which it is paired.
    """

    name: str
    owner: str
    repos: Callable[[], Sequence[SharedRepo]]
    commands: Sequence[str]
    key_of: Callable[[str], bytes | None]
    machines: Callable[[], Sequence[str]]

    def sealed(self, card: Card, life: int, epoch: int, serial: int) -> dict[str, bytes]:
        """Return a card as it goes to each machine with which this one is paired."""
        cards = {}
        for machine in self.machines():
            key = self.key_of(machine)
            address = Address(self.name, f"card:{machine}", life, epoch, 0, serial)
            if key is not None:
                cards[machine] = seal(key, address, [card])
        return cards
