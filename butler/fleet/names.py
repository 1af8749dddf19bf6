"""Names of machines, hubs and chats.

A machine can be several hubs, a daemon and consoles: ``server`` and ``server.console``. They share
the machine's keys. A worker calls a chat by its hub, too: ``server/120363…@g.us``.
"""

import re
import socket

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,31}")


def is_machine_name(name: str) -> bool:
    """Return whether a machine may be called so."""
    return _NAME.fullmatch(name) is not None


def own_name() -> str:
    """Return the first part of this host's name, as far as a machine may be called so."""
    first = socket.gethostname().partition(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]", "-", first).lstrip("-")[:32]
    return name or "machine"


def machine_of(hub: str) -> str:
    """Return the machine of a hub."""
    return hub.partition(".")[0]


def joined(hub: str, chat_id: str) -> str:
    """Return what a worker calls a chat."""
    return f"{hub}/{chat_id}"


def parted(chat_id: str) -> tuple[str, str]:
    """Return the hub and the chat of what a worker calls a chat."""
    hub, _, of_hub = chat_id.partition("/")
    return hub, of_hub
