"""Unlinks the account: tells WhatsApp, then forgets the credentials."""

import asyncio
import shutil
from pathlib import Path

from butler.errors import DataError
from butler.transports.whatsapp.daemon.process import gateway
from butler.transports.whatsapp.protocol.frames import LOGGED_OUT, Ended, Options

UNLINK_LIMIT_S = 30.0


async def unlink(folder: Path, device_name: str) -> str | None:
    """Log the device out and delete its folder; return why WhatsApp could not be told, if so.

    Args:
        folder: The folder of its credentials, absolute.
        device_name: Its name.

    Raises:
        DataError: The folder cannot be deleted.
    """
    options = Options(str(folder), device_name, is_unlinking=True)
    try:
        async with asyncio.timeout(UNLINK_LIMIT_S):
            problem = await _logged_out(options)
    except TimeoutError:
        problem = f"WhatsApp did not answer within {UNLINK_LIMIT_S:g} s."
    try:
        await asyncio.to_thread(shutil.rmtree, folder)
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be deleted: {error.strerror}.") from None
    return problem


async def _logged_out(options: Options) -> str | None:
    async with gateway(options) as process:
        async for frame in process.frames():
            if isinstance(frame, Ended):
                return None if frame.rule == LOGGED_OUT else frame.sentence
    return f"The gateway to WhatsApp {process.end}."
