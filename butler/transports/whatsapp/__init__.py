"""WhatsApp: a linked account, served by a gateway process of its own.

Importing this does not import neonize; only the gateway process does.
"""

from butler.transports.whatsapp.account import CREDENTIALS, MOVED, Account, linked_account
from butler.transports.whatsapp.daemon.pairing import PAIRING_LIMIT_S, pair
from butler.transports.whatsapp.daemon.restored import ask_about_open_turns
from butler.transports.whatsapp.daemon.supervisor import LinkState
from butler.transports.whatsapp.daemon.transport import WhatsAppTransport
from butler.transports.whatsapp.daemon.unlinking import unlink
from butler.transports.whatsapp.journal.views import stored_names
from butler.transports.whatsapp.protocol.frames import Pacing

__all__ = [
    "CREDENTIALS",
    "MOVED",
    "PAIRING_LIMIT_S",
    "Account",
    "LinkState",
    "Pacing",
    "WhatsAppTransport",
    "ask_about_open_turns",
    "linked_account",
    "pair",
    "stored_names",
    "unlink",
]
