"""WhatsApp: a linked account, served by a gateway process of its own.

Importing this does not import neonize; only the gateway process does.
"""

from butler.transports.whatsapp.account import Account, linked_account
from butler.transports.whatsapp.journal import stored_names
from butler.transports.whatsapp.link import LinkState
from butler.transports.whatsapp.pacing import Pacing
from butler.transports.whatsapp.pairing import pair
from butler.transports.whatsapp.transport import WhatsAppTransport

__all__ = [
    "Account",
    "LinkState",
    "Pacing",
    "WhatsAppTransport",
    "linked_account",
    "pair",
    "stored_names",
]
