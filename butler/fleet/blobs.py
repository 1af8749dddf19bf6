"""Texts that are too long for a frame: kept in Redis for ten minutes, known by their digest."""

import asyncio
import hashlib
import secrets

from butler.errors import TransportError
from butler.fleet.broker import Broker, BrokerError
from butler.fleet.frames import Blob

LONGEST_CHARS = 64_000
"""Of a text in a frame."""

MAX_BYTES = 16 * 1024 * 1024
LIFE_S = 600.0


async def stored(broker: Broker, text: str) -> Blob:
    """Keep a text for a while.

    Raises:
        TransportError: It is too large, or cannot be kept.
    """
    data, digest = await asyncio.to_thread(_encoded, text)
    if len(data) > MAX_BYTES:
        raise TransportError(
            f"A document of {len(data):,} bytes was not sent; {MAX_BYTES:,} is the most."
        )
    key = f"blob:{secrets.token_hex(16)}"
    try:
        await broker.put(key, data, LIFE_S)
    except BrokerError as error:
        raise TransportError(
            f"A document was not sent, as Redis cannot be used: {error}."
        ) from error
    return Blob(key, digest)


async def loaded(broker: Broker, blob: Blob) -> str:
    """Return a text that is kept.

    Raises:
        TransportError: It is gone, or not what was kept.
        BrokerError: Redis does not answer.
    """
    data = await broker.get(blob.key) if blob.key.startswith("blob:") else None
    if data is None:
        raise TransportError("A document was not sent: it was kept for ten minutes only.")
    text, digest = await asyncio.to_thread(_decoded, data)
    if digest != blob.digest:
        raise TransportError("A document was not sent: it was altered on its way.")
    return text


def _encoded(text: str) -> tuple[bytes, str]:
    data = text.encode(errors="surrogatepass")
    return data, hashlib.sha256(data).hexdigest()


def _decoded(data: bytes) -> tuple[str, str]:
    return data.decode(errors="surrogatepass"), hashlib.sha256(data).hexdigest()
