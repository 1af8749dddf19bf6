"""Files on their way between machines: kept in Redis for ten minutes, known by their digest."""

import asyncio
import hashlib
import os
import secrets
from pathlib import Path

from butler.chat.message import Message
from butler.errors import TransportError
from butler.fleet.blobs import loaded_bytes, stored_bytes
from butler.fleet.broker import Broker
from butler.fleet.frames import Blob
from butler.storage.files import private_folder


async def stored_files(broker: Broker, message: Message) -> tuple[Blob, ...]:
    """Keep the files of a message that were fetched.

    Raises:
        TransportError: One is too large, or cannot be kept.
    """
    paths = [each.path for each in message.attachments if each.path is not None]
    return tuple([await stored_file(broker, path) for path in paths])


async def stored_file(broker: Broker, path: Path) -> Blob:
    """Keep a file.

    Raises:
        TransportError: It is too large, or cannot be read or kept.
    """
    try:
        data = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise TransportError(f"A file was not sent: {path.name}: {error.strerror}.") from error
    return await stored_bytes(broker, data)


async def kept_file(broker: Broker, blob: Blob, folder: Path) -> Path:
    """Put a file that is kept into a folder, under its digest; return where it is.

    Raises:
        TransportError: It is gone, is not what was kept, or there is no room for it.
        BrokerError: Redis does not answer.
    """
    data = await loaded_bytes(broker, blob)
    return await asyncio.to_thread(_written, data, folder)


def _written(data: bytes, folder: Path) -> Path:
    unfinished = private_folder(folder) / f".{secrets.token_hex(8)}.part"
    path = folder / hashlib.sha256(data).hexdigest()
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        unfinished.replace(path)
    except OSError as error:
        raise TransportError(f"A file cannot be kept: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return path
