"""Ids of turns."""

import hashlib

from butler.chat.message import Message
from butler.fleet.marks import ID_BYTES


def digest_of(text: str) -> str:
    """Return what tells a text from other ones."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def turn_id(hub: str, message: Message, *more: str) -> str:
    """Return the id of a message's turn; the same if the network yields the message again.

    Args:
        hub: The name of the hub.
        message: The message.
        more: What tells apart several turns of one message.
    """
    parts = (hub, message.chat_id, str(message.sender), message.id, *more)
    text = "\0".join(parts).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=ID_BYTES).hexdigest()
