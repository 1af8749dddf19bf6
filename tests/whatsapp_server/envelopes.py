"""The stanza around a message to the bot: addresses, encryption, and damage on request."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from whatsapp_server.contents import sender_key
from whatsapp_server.elements import SERVER, Attributes, Element, Jid, element
from whatsapp_server.line import Line
from whatsapp_server.messages import Sent
from whatsapp_server.people import Assistant, Broadcast, Group, Newsletter, Person
from whatsapp_server.ratchet import Bundle
from whatsapp_server.world import World
from whatsapp_server.wrappers import device_sent

_FEW_KEYS = 5
"""WhatsApp asks for more one-time keys at ten or fewer; a bot uploads 812 at first."""
_DAMAGED_BYTE = -9


class NotLinkedError(RuntimeError):
    """There is no linked device to encrypt for."""


class Envelopes:
    """Seals messages for the bot's device."""

    def __init__(self, world: World, line: Line) -> None:
        self._world = world
        self._line = line

    def seal(self, sent: Sent, retry_count: int | None = None) -> Element:
        """Return the stanza that brings the message, encrypted anew.

        Raises:
            NotLinkedError: No device is linked.
        """
        stanza = _Sealing(sent, retry_count, self._take_bundle).stanza()
        if sent.damage == "always" or (sent.damage == "once" and retry_count is None):
            _damage(stanza)
        return stanza

    def _take_bundle(self) -> Bundle:
        linked = self._world.linked
        if linked is None:
            raise NotLinkedError("no device is linked to the account; scan a QR code first")
        bundle = linked.bundle()
        left = len(linked.one_time)
        if left < _FEW_KEYS:
            self._ask_for_keys(left)
        return bundle

    def _ask_for_keys(self, left: int) -> None:
        attributes: Attributes = {
            "from": SERVER,
            "type": "encrypt",
            "t": int(time.time()),
            "id": "keys",
        }
        self._line.send(element("notification", attributes, element("count", {"value": left})))


def _damage(stanza: Element) -> None:
    for ciphertext in stanza.children("enc"):
        raw = bytearray(ciphertext.data)
        raw[_DAMAGED_BYTE] ^= 255
        ciphertext.content = bytes(raw)


@dataclass(frozen=True, slots=True)
class _Sealing:
    sent: Sent
    retry_count: int | None
    take_bundle: Callable[[], Bundle]

    def stanza(self) -> Element:
        chat = self.sent.chat
        match chat:
            case Newsletter():
                return self._newsletter(chat)
            case Group() | Broadcast(is_status=True):
                return self._group(chat)
            case Broadcast():
                return self._broadcast(chat)
            case Assistant():
                return self._asked(chat)
            case Person():
                return self._own(chat) if self.sent.is_own else self._direct()

    def _message(self, attributes: Attributes, *children: Element) -> Element:
        content = self.sent.content
        common: Attributes = {
            "id": self.sent.id,
            "t": self.sent.sent_at_s,
            "type": content.stanza_type,
            "notify": self.sent.sender.name,
            "edit": content.edit or None,
        }
        if content.stanza_type == "poll":
            children = (*children, element("meta", {"polltype": "creation"}))
        if content.is_kept_from_devices:
            children = (element("unavailable", {"type": "view_once"}),)
        return element("message", {**common, **attributes}, *children)

    def _from(self) -> Jid:
        return self.sent.sender.jid(self.sent.addressing).with_device(self.sent.device)

    def _direct(self) -> Element:
        mode = self.sent.addressing
        other = "sender_pn" if mode == "lid" else "sender_lid"
        attributes: Attributes = {"from": self._from(), other: self.sent.sender.other_jid(mode)}
        return self._message(attributes, self._encrypted(self.sent.raw))

    def _own(self, chat: Person) -> Element:
        mode = self.sent.addressing
        other = "peer_recipient_pn" if mode == "lid" else "peer_recipient_lid"
        attributes: Attributes = {
            "from": self._from(),
            "recipient": chat.jid(mode),
            other: chat.other_jid(mode),
        }
        copy = device_sent(str(chat.jid(mode)), self.sent.raw)
        return self._message(attributes, self._encrypted(copy))

    def _asked(self, chat: Assistant) -> Element:
        copy = device_sent(str(chat.jid), self.sent.raw)
        attributes: Attributes = {"from": self._from(), "recipient": chat.jid}
        return self._message(attributes, self._encrypted(copy))

    def _group(self, chat: Group | Broadcast) -> Element:
        group = str(chat.jid)
        device = self.sent.sender.devices[self.sent.device]
        distribution = device.group_distribution(group)
        children = (
            [] if distribution is None else [self._encrypted(sender_key(group, distribution))]
        )
        sealed = device.group_encrypt(group, self.sent.raw)
        return self._message(self._participant(chat), *children, self._enc("skmsg", sealed))

    def _broadcast(self, chat: Broadcast) -> Element:
        return self._message(self._participant(chat), self._encrypted(self.sent.raw))

    def _participant(self, chat: Group | Broadcast) -> Attributes:
        mode = chat.addressing if isinstance(chat, Group) else self.sent.addressing
        other = "participant_pn" if mode == "lid" else "participant_lid"
        sender = self.sent.sender
        return {
            "from": chat.jid,
            "participant": sender.jid(mode).with_device(self.sent.device),
            "addressing_mode": mode,
            other: sender.other_jid(mode),
        }

    def _newsletter(self, chat: Newsletter) -> Element:
        attributes: Attributes = {"from": chat.jid, "server_id": 100}
        return self._message(attributes, element("plaintext", data=self.sent.raw))

    def _encrypted(self, raw: bytes) -> Element:
        device = self.sent.sender.devices[self.sent.device]
        if not device.has_session:
            device.open_session(self.take_bundle())
        return self._enc(*device.encrypt(raw))

    def _enc(self, kind: str, sealed: bytes) -> Element:
        content = self.sent.content
        attributes: Attributes = {
            "v": "2",
            "type": kind,
            "mediatype": content.media_type or None,
            "count": None if kind == "skmsg" else self.retry_count,
            "decrypt-fail": "hide" if content.is_decoration else None,
        }
        return element("enc", attributes, data=sealed)
