"""Who gets what a client sends."""

import logging

from whatsapp_server.connection import Connection
from whatsapp_server.elements import SERVER, Attributes, Element, element
from whatsapp_server.inbox import Inbox
from whatsapp_server.line import Line
from whatsapp_server.linking import Linking
from whatsapp_server.logins import Logins
from whatsapp_server.outbox import Outbox
from whatsapp_server.queries import Queries
from whatsapp_server.timeline import Timeline
from whatsapp_server.world import World

logger = logging.getLogger(__name__)

_REGISTRATION = 19
"""The field of the login payload that only a client which is not linked has."""


class Dispatch:
    """Serves connections, one stanza after the other."""

    def __init__(
        self,
        world: World,
        timeline: Timeline,
        line: Line,
        linking: Linking,
        logins: Logins,
        queries: Queries,
        inbox: Inbox,
        outbox: Outbox,
    ) -> None:
        self._world = world
        self._timeline = timeline
        self._line = line
        self._linking = linking
        self._logins = logins
        self._queries = queries
        self._inbox = inbox
        self._outbox = outbox

    async def serve(self, connection: Connection) -> None:
        """Serve a client until it is gone."""
        with self._line.connected(connection):
            payload = await connection.handshake()
            if _REGISTRATION in payload:
                self._linking.offer(connection, payload.message(_REGISTRATION))
            else:
                self._logins.admit(connection, payload)
            try:
                async for stanza in connection.elements():
                    self._take(connection, stanza)
            finally:
                self._linking.withdraw(connection)

    def _take(self, connection: Connection, stanza: Element) -> None:
        if connection.is_logged_in and self._world.linked is None:
            # The device was removed: nothing counts any more until the client is gone.
            return
        match stanza.tag:
            case "iq":
                self._take_query(connection, stanza)
            case "message":
                self._outbox.take(stanza)
            case "receipt":
                self._take_receipt(stanza)
            case "ack" if stanza.text("class") == "message":
                self._inbox.acknowledge(stanza.text("id"), _kind_of_ack(stanza))
            case "chatstate":
                self._outbox.take_chat_state(stanza)
            case "presence":
                self._timeline.note("presence", type=stanza.text("type"))
            case "ack" | "ib":
                pass
            case _:
                self._timeline.note("unknown-stanza", stanza=str(stanza))

    def _take_receipt(self, receipt: Element) -> None:
        listed = [item for items in receipt.children("list") for item in items.children("item")]
        for item in (receipt, *listed):
            self._inbox.acknowledge(item.text("id"), receipt.text("type") or "delivered")
        attributes = {
            "class": "receipt",
            "id": receipt.text("id"),
            "from": receipt.jid("to"),
            "participant": receipt.jid("participant"),
            "type": receipt.text("type"),
        }
        self._line.send(element("ack", attributes))
        if receipt.text("type") == "retry":
            self._inbox.retry(receipt)

    def _take_query(self, connection: Connection, query: Element) -> None:
        if query.text("type") in ("result", "error"):
            self._linking.confirm(connection, query)
            return
        if self._queries.is_unanswered(query):
            self._timeline.note("query-unanswered", query=str(query))
            return
        attributes: Attributes = {"from": query.jid("to") or SERVER, "id": query.text("id")}
        try:
            answer = self._answer(connection, query)
        except LookupError as error:
            logger.debug("no answer to %s: %s", query, error)
            missing = element("error", {"code": 404, "text": "item-not-found"})
            connection.send(element("iq", {**attributes, "type": "error"}, missing))
            return
        connection.send(element("iq", {**attributes, "type": "result"}, *answer))
        self._follow_up(connection, query)

    def _answer(self, connection: Connection, query: Element) -> list[Element]:
        request = query.find("link_code_companion_reg")
        if request is not None:
            return self._linking.answer(connection, request)
        return self._queries.answer(query)

    def _follow_up(self, connection: Connection, query: Element) -> None:
        if query.find("active") and connection is self._line.client:
            connection.is_active = True
            self._inbox.deliver_waiting()
        linked = self._world.linked
        if linked and linked.one_time:
            self._inbox.has_keys.set()
        elif linked is None:
            self._inbox.has_keys.clear()


def _kind_of_ack(acknowledgement: Element) -> str:
    error = acknowledgement.text("error")
    return f"error {error}" if error else "ack"
