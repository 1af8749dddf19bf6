"""Messages of the bot: acknowledged, decrypted by everybody who gets them, and kept."""

import asyncio
import collections
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from whatsapp_server.acknowledgements import Acknowledgements
from whatsapp_server.descriptions import description
from whatsapp_server.devices import Device
from whatsapp_server.elements import Attributes, Element, Jid, element
from whatsapp_server.line import Line
from whatsapp_server.media import Media
from whatsapp_server.messages import ChatState, Reply
from whatsapp_server.people import Chat, Group, Person, members
from whatsapp_server.protobuf import Fields
from whatsapp_server.queries import key_elements
from whatsapp_server.ratchet import SignalError
from whatsapp_server.timeline import Timeline
from whatsapp_server.world import World

_SENDER_KEY = 2
_MOST_RETRIES = 3


@dataclass(slots=True)
class _Reading:
    """What came of one stanza at all devices that got it."""

    arrived_at: float
    bodies: list[bytes] = field(default_factory=list)
    readers: dict[str, str] = field(default_factory=dict)


class Outbox:
    """What the bot has sent."""

    def __init__(self, world: World, line: Line, timeline: Timeline, media: Media) -> None:
        self.acknowledgements = Acknowledgements(line)
        self.chat_states: list[ChatState] = []
        self.unread: asyncio.Queue[Reply] = asyncio.Queue()
        self._world = world
        self._line = line
        self._timeline = timeline
        self._media = media
        self._retries: collections.Counter[tuple[str, str]] = collections.Counter()

    def take(self, stanza: Element) -> None:
        """Take a message stanza of the bot."""
        message_id, to = stanza.text("id"), stanza.jid("to")
        if to is None:
            return
        # Before the bot learns of it, so that no later message can seem closer than it is.
        arrived_at = time.time()
        error = self.acknowledgements.next_error()
        self.acknowledgements.send(_acknowledgement(stanza, error))
        if error is not None:
            self._timeline.note("message-rejected", id=message_id, error=error)
        elif message_id in self._world.replies and stanza.find("participants"):
            self._timeline.note("resent", id=message_id)
        elif stanza.text("category") == "peer":
            self._timeline.note("peer-message", id=message_id)
        else:
            self._read(stanza, to, _Reading(arrived_at))

    def take_chat_state(self, stanza: Element) -> None:
        """Take note that the bot types, or has stopped."""
        to = stanza.jid("to")
        if to is not None:
            state = next((child.tag for child in stanza.children()), "")
            self.chat_states.append(ChatState(self._world.chat_at(to), to, state))
            self._timeline.note("chat-state", state=state, to=str(to))

    def receipt(self, reply: Reply, kind: str | None) -> None:
        """Tell the bot that its message was delivered to everybody, or read by them."""
        chat, now = reply.chat, int(time.time())
        attributes: Attributes = {"id": reply.id, "t": now, "type": kind, "from": reply.to}
        for person in members(chat) if chat else ():
            participant = person.jid(chat.addressing) if isinstance(chat, Group) else None
            self._line.send(element("receipt", {**attributes, "participant": participant}))

    def _read(self, stanza: Element, to: Jid, reading: _Reading) -> None:
        chat = self._world.chat_at(to)
        for jid, sealed in _sealed_parts(stanza, to):
            self._read_part(stanza, chat, reading, jid, sealed)
        shared = [part for part in stanza.children("enc") if part.text("type") == "skmsg"]
        for sealed in shared:
            self._read_group(stanza, chat, reading, sealed.data)
        known = self._world.replies.get(stanza.text("id"))
        if known is not None:
            known.readers.update(reading.readers)
        elif reading.bodies:
            self._keep(stanza, to, chat, reading)
        if not reading.bodies:
            self._timeline.note("unreadable", id=stanza.text("id"), readers=reading.readers)
        elif known is not None:
            self._timeline.note("repaired", id=known.id, readers=reading.readers)

    def _keep(self, stanza: Element, to: Jid, chat: Chat | None, reading: _Reading) -> None:
        raw = reading.bodies[0]
        if any(body != raw for body in reading.bodies):
            self._timeline.note("recipients-disagree", id=stanza.text("id"))
        reply = Reply(
            stanza.text("id"),
            chat,
            to,
            str(self._world.account.lid_jid),
            raw,
            description(raw),
            stanza,
            self._media.document(raw),
            reading.readers,
            reading.arrived_at,
        )
        self._world.replies[reply.id] = reply
        self.unread.put_nowait(reply)
        self._timeline.note("reply", id=reply.id, kind=reply.kind)
        self.receipt(reply, None)

    def _read_part(
        self, stanza: Element, chat: Chat | None, reading: _Reading, jid: Jid, sealed: Element
    ) -> None:
        person = self._world.person_at(jid)
        device = person.devices.get(jid.device) if person else None
        if person is None or device is None:
            reading.readers[str(jid)] = "error: there is no such device"
            return
        try:
            body = device.decrypt(sealed.text("type"), sealed.data)
        except SignalError as error:
            reading.readers[str(jid)] = f"error: {error}"
            self._ask_again(stanza, jid, device)
            return
        reading.readers[str(jid)] = sealed.text("type")
        fields = Fields(body)
        if _SENDER_KEY in fields:
            device.learn_sender_key(stanza.text("to"), fields.message(_SENDER_KEY).data(2))
        if self._counts(person, chat, fields):
            reading.bodies.append(body)

    def _counts(self, person: Person, chat: Chat | None, fields: Fields) -> bool:
        """Whether this is the message itself: no copy for the owner, no bare sender key."""
        is_copy = person is self._world.account and chat is not person
        is_bare_key = not isinstance(chat, Person) and fields.numbers() == [_SENDER_KEY]
        return not is_copy and not is_bare_key

    def _read_group(
        self, stanza: Element, chat: Chat | None, reading: _Reading, sealed: bytes
    ) -> None:
        for person, jid, device in self._group_devices(chat):
            try:
                body = device.group_decrypt(stanza.text("to"), sealed)
            except SignalError as error:
                reading.readers[str(jid)] = f"error: {error}"
                self._ask_again(stanza, jid, device)
                continue
            reading.readers[str(jid)] = "skmsg"
            if person is not self._world.account:
                reading.bodies.append(body)

    def _group_devices(self, chat: Chat | None) -> Iterator[tuple[Person, Jid, Device]]:
        if not isinstance(chat, Group):
            return
        for person in (self._world.account, *chat.members):
            for number, device in person.devices.items():
                yield person, person.jid(chat.addressing).with_device(number), device

    def _ask_again(self, stanza: Element, jid: Jid, device: Device) -> None:
        """Send a retry receipt like a phone: plain at first, then with fresh keys."""
        message_id, to = stanza.text("id"), stanza.jid("to")
        self._retries[message_id, str(jid)] += 1
        count = self._retries[message_id, str(jid)]
        if count > _MOST_RETRIES:
            return
        now = int(time.time())
        retry = element("retry", {"count": count, "id": message_id, "t": now, "v": 1})
        registration = element("registration", data=device.registration_id.to_bytes(4, "big"))
        keys = [element("keys", None, *key_elements(device.bundle()))] if count > 1 else []
        in_group = to is not None and to.server == "g.us"
        attributes: Attributes = {
            "id": message_id,
            "t": now,
            "type": "retry",
            "from": to if in_group else jid,
            "participant": jid if in_group else None,
        }
        receipt = element("receipt", attributes, retry, registration, *keys)
        self._line.send(receipt)
        self._timeline.note("asked-again", id=message_id, reader=str(jid), count=count)


def _acknowledgement(stanza: Element, error: int | None) -> Element:
    return element(
        "ack",
        {
            "class": "message",
            "id": stanza.text("id"),
            "from": stanza.jid("to"),
            "t": int(time.time()),
            "error": error,
            "phash": stanza.text("phash"),
        },
    )


def _sealed_parts(stanza: Element, to: Jid) -> Iterator[tuple[Jid, Element]]:
    """The ciphertexts that are for one device each, with the device's address."""
    for participants in stanza.children("participants"):
        for target in participants.children("to"):
            for sealed in target.children("enc"):
                yield target.jid("jid") or to, sealed
    for sealed in stanza.children("enc"):
        if sealed.text("type") != "skmsg":
            yield stanza.jid("participant") or to, sealed
