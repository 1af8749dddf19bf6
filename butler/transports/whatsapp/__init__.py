"""WhatsApp: a linked account, served by a gateway process of its own.

Importing this does not import neonize; only the gateway process does. The names are loaded on
first use: the gateway needs none of them, and a daemon starts its gateway before it loads them.
"""

from importlib import import_module

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from butler.transports.whatsapp.account import CREDENTIALS as CREDENTIALS
    from butler.transports.whatsapp.account import MOVED as MOVED
    from butler.transports.whatsapp.account import Account as Account
    from butler.transports.whatsapp.account import linked_account as linked_account
    from butler.transports.whatsapp.daemon.fetching import MediaPlace as MediaPlace
    from butler.transports.whatsapp.daemon.pairing import PAIRING_LIMIT_S as PAIRING_LIMIT_S
    from butler.transports.whatsapp.daemon.pairing import pair as pair
    from butler.transports.whatsapp.daemon.restored import (
        ask_about_open_turns as ask_about_open_turns,
    )
    from butler.transports.whatsapp.daemon.spawning import Spawned as Spawned
    from butler.transports.whatsapp.daemon.supervisor import LinkState as LinkState
    from butler.transports.whatsapp.daemon.transport import WhatsAppTransport as WhatsAppTransport
    from butler.transports.whatsapp.daemon.unlinking import unlink as unlink
    from butler.transports.whatsapp.journal.views import answer_times as answer_times
    from butler.transports.whatsapp.journal.views import stored_names as stored_names
    from butler.transports.whatsapp.protocol.frames import Pacing as Pacing

_HOMES = {
    "CREDENTIALS": "account",
    "MOVED": "account",
    "PAIRING_LIMIT_S": "daemon.pairing",
    "Account": "account",
    "LinkState": "daemon.supervisor",
    "MediaPlace": "daemon.fetching",
    "Pacing": "protocol.frames",
    "Spawned": "daemon.spawning",
    "WhatsAppTransport": "daemon.transport",
    "answer_times": "journal.views",
    "ask_about_open_turns": "daemon.restored",
    "linked_account": "account",
    "pair": "daemon.pairing",
    "stored_names": "journal.views",
    "unlink": "daemon.unlinking",
}

__all__ = [  # noqa: PLE0604 - the keys are the names
    *_HOMES
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
