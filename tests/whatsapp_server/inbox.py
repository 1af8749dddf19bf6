"""Messages to the bot: delivered when it is there, kept until it has acknowledged them."""

import asyncio
import secrets
import time

from whatsapp_server.contents import Content
from whatsapp_server.elements import Addressing, Element, element
from whatsapp_server.envelopes import Envelopes
from whatsapp_server.line import Line
from whatsapp_server.messages import Damage, Sent
from whatsapp_server.people import Chat, Person
from whatsapp_server.ratchet import Bundle
from whatsapp_server.timeline import PATIENCE_S, Timeline
from whatsapp_server.world import World

PHONE_S = 0.05
"""How long a phone takes to send a message again."""


class Inbox:
    """What people have sent to the bot."""

    def __init__(self, world: World, line: Line, timeline: Timeline) -> None:
        self.has_keys = asyncio.Event()
        if world.linked and world.linked.one_time:
            self.has_keys.set()
        self._world = world
        self._line = line
        self._timeline = timeline
        self._envelopes = Envelopes(world, line)

    async def send(
        self,
        content: Content,
        sender: Person,
        chat: Chat,
        *,
        addressing: Addressing,
        message_id: str | None,
        device: int,
        sent_at_s: int | None,
        damage: Damage,
    ) -> Sent:
        """Send a message as soon as a device is linked."""
        async with asyncio.timeout(PATIENCE_S):
            await self.has_keys.wait()
        sent = Sent(
            message_id or secrets.token_hex(16).upper(),
            sender,
            chat,
            content,
            addressing,
            device,
            sent_at_s or int(time.time()),
            damage,
            is_own=sender is self._world.account,
        )
        sent.stanza = self._envelopes.seal(sent)
        self._world.sent[sent.id] = self._world.waiting[sent.id] = sent
        if self._line.is_online:
            self._deliver(sent, sent.stanza)
        return sent

    def redeliver(self, sent: Sent, *, fresh: bool) -> None:
        """Deliver once more under the same id: the same ciphertext, or a fresh one."""
        if fresh:
            sent.stanza = self._envelopes.seal(sent)
        self._deliver(sent, sent.stanza)

    def deliver_waiting(self) -> None:
        """Hand over everything that came while the client was away."""
        waiting = list(self._world.waiting.values())
        count = len(waiting)
        kinds = {"notification": 0, "receipt": 0, "appdata": 0}
        preview = element("offline_preview", {"count": count, "message": count, **kinds})
        self._line.send(element("ib", None, preview))
        for index, sent in enumerate(waiting):
            self._deliver(sent, sent.stanza.with_attributes(offline=index))
        self._line.send(element("ib", None, element("offline", {"count": count})))
        self._timeline.note("online", delivered=count)

    def acknowledge(self, message_id: str, how: str) -> None:
        """Take note of the client's answer to a message."""
        sent = self._world.sent.get(message_id)
        if sent is not None:
            sent.receipts.append(how)
            if not _is_of_earlier_delivery(sent, how):
                self._world.waiting.pop(message_id, None)
            self._timeline.wake()

    def retry(self, receipt: Element) -> None:
        """Send a message again that the client could not decrypt, in a new session."""
        sent = self._world.sent.get(receipt.text("id"))
        if sent is None:
            return
        device = sent.sender.devices[sent.device]
        device.forget_sessions()
        bundle = _bundle(receipt)
        if bundle is not None:
            device.open_session(bundle)
        count = int(receipt.get("retry").text("count") or 1)
        sent.stanza = self._envelopes.seal(sent, count)
        if sent.damage != "always":
            self._world.waiting[sent.id] = sent
        self._timeline.note("retry", id=sent.id, count=count)
        again = sent.stanza
        asyncio.get_running_loop().call_later(PHONE_S, self._deliver_if_online, sent, again)

    def _deliver_if_online(self, sent: Sent, stanza: Element) -> None:
        if self._line.is_online:
            self._deliver(sent, stanza)

    def _deliver(self, sent: Sent, stanza: Element) -> None:
        sent.deliveries += 1
        self._line.send(stanza)


def _is_of_earlier_delivery(sent: Sent, how: str) -> bool:
    """Whether this answers a delivery that the client could not decrypt and has asked for again.

    Such a delivery gets a retry receipt and an acknowledgement, in any order.
    """
    return how == "ack" and sent.receipts.count("ack") <= sent.receipts.count("retry")


def _bundle(receipt: Element) -> Bundle | None:
    """The keys that a retry receipt carries from the second one on."""
    keys = receipt.find("keys")
    if keys is None:
        return None
    one_time = keys.find("key")
    return Bundle(
        receipt.get("registration").number,
        keys.get("identity").data,
        keys.get("skey", "id").number,
        keys.get("skey", "value").data,
        keys.get("skey", "signature").data,
        one_time.get("id").number if one_time else None,
        one_time.get("value").data if one_time else b"",
    )
