"""What outlives connections: the account, its linked device, people, chats, messages on the way."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whatsapp_server.elements import Addressing, Jid
from whatsapp_server.people import STATUS, Chat, Group, Person
from whatsapp_server.ratchet import Bundle

if TYPE_CHECKING:
    from whatsapp_server.messages import Reply, Sent


@dataclass(slots=True)
class LinkedDevice:
    """The bot's device, as the server knows it."""

    number: int
    name: str
    platform: int
    noise_key: bytes
    identity: bytes
    registration_id: int
    signed: tuple[int, bytes, bytes]
    one_time: list[tuple[int, bytes]] = field(default_factory=list)
    is_confirmed: bool = False

    def bundle(self) -> Bundle:
        """Return a bundle for opening a session; a one-time key is used up if there is one."""
        key_id, public = self.one_time.pop(0) if self.one_time else (None, b"")
        return Bundle(self.registration_id, self.identity, *self.signed, key_id, public)


class World:
    """Everything that is true whether or not the bot is connected."""

    def __init__(self) -> None:
        self.account = Person("Bot Owner", "15550100000", "90000000000001")
        self.linked: LinkedDevice | None = None
        self.people: list[Person] = []
        self.groups: list[Group] = []
        self.sent: dict[str, Sent] = {}
        self.waiting: dict[str, Sent] = {}
        """Messages that the bot has not acknowledged, in order."""
        self.replies: dict[str, Reply] = {}
        self._device_count = 0
        self._serial = 0

    @property
    def everyone(self) -> list[Person]:
        """The account and all people."""
        return [self.account, *self.people]

    def next_serial(self) -> int:
        """Return a number for a new person or chat."""
        self._serial += 1
        return self._serial

    def next_device(self) -> int:
        """Return the number of the next device that is linked."""
        self._device_count += 1
        return self._device_count

    def person_at(self, jid: Jid) -> Person | None:
        """Return who has this address."""
        people = self.everyone
        return next((p for p in people if jid.user == (p.lid if jid.is_lid else p.phone)), None)

    def group_at(self, jid: Jid) -> Group | None:
        """Return the group at this address."""
        return next((group for group in self.groups if group.jid == jid.bare), None)

    def chat_at(self, jid: Jid) -> Chat | None:
        """Return the chat at this address, if the bot may write to it."""
        if jid == STATUS.jid:
            return STATUS
        return self.group_at(jid) or self.person_at(jid)

    def bot_address(self, addressing: Addressing = "lid") -> Jid:
        """Return the address of the bot's device."""
        device = self.linked.number if self.linked else 0
        return self.account.jid(addressing).with_device(device)

    def unlink(self) -> None:
        """Forget the bot's device; no old session with it can be used any more."""
        self.linked = None
        self.waiting.clear()
        for person in self.everyone:
            for device in person.devices.values():
                device.forget_bot()
