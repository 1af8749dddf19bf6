"""A stand-in for WhatsApp's servers that speaks their protocol to a real neonize client.

Loopback only: CONNECT proxy, TLS, WebSocket, Noise, binary XML, Signal. See
docs/testing-whatsapp.md.
"""

from whatsapp_server import contents
from whatsapp_server.contents import Content
from whatsapp_server.elements import Addressing, Element, Jid, element
from whatsapp_server.faults import Faults
from whatsapp_server.messages import ChatState, Document, Reply, Sent
from whatsapp_server.pair_code import WrongCodeError
from whatsapp_server.people import (
    META_AI,
    META_AI_BY_PHONE,
    STATUS,
    Assistant,
    Broadcast,
    Group,
    Newsletter,
    Person,
)
from whatsapp_server.proxy import Door
from whatsapp_server.server import WhatsAppServer
from whatsapp_server.timeline import PATIENCE_S, Timeline
from whatsapp_server.world import World

__all__ = [
    "META_AI",
    "META_AI_BY_PHONE",
    "PATIENCE_S",
    "STATUS",
    "Addressing",
    "Assistant",
    "Broadcast",
    "ChatState",
    "Content",
    "Document",
    "Door",
    "Element",
    "Faults",
    "Group",
    "Jid",
    "Newsletter",
    "Person",
    "Reply",
    "Sent",
    "Timeline",
    "WhatsAppServer",
    "World",
    "WrongCodeError",
    "contents",
    "element",
]
