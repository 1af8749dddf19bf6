"""Files and long texts on their way: kept in Redis for ten minutes, known by their digest."""

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
    return await stored_bytes(broker, await asyncio.to_thread(_encoded, text))


async def stored_bytes(broker: Broker, data: bytes) -> Blob:
    """Keep the content of a file for a while.

    Raises:
        TransportError: It is too large, or cannot be kept.
    """
    digest = await asyncio.to_thread(_digest, data)
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
    data = await loaded_bytes(broker, blob)
    return await asyncio.to_thread(data.decode, errors="surrogatepass")


async def loaded_bytes(broker: Broker, blob: Blob) -> bytes:
    """Return the content of a file that is kept.

    Raises:
        TransportError: It is gone, or not what was kept.
        BrokerError: Redis does not answer.
    """
    data = await broker.get(blob.key) if blob.key.startswith("blob:") else None
    if data is None:
        raise TransportError("A document was not sent: it was kept for ten minutes only.")
    if await asyncio.to_thread(_digest, data) != blob.digest:
        raise TransportError("A document was not sent: it was altered on its way.")
    return data


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
