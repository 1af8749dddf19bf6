"""A daemon in a process of its own that echoes every message, to be killed at any moment.

It marks the turns of commands as begun, so that only others are repeated after a kill.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from butler.chat.message import Reply
from butler.errors import TransportError
from butler.records.model import MemoryRecords
from butler.transports.whatsapp import Pacing, WhatsAppTransport

UNLIMITED = Pacing(burst=100_000, per_second=1_000, per_minute=100_000)


async def serve(folder: Path) -> None:
    """Echo until killed."""
    records = MemoryRecords()
    async with WhatsAppTransport(
        folder, device_name="Butler", records=records, pacing=UNLIMITED
    ) as transport:
        async for message in transport.messages():
            if message.text.startswith("/"):
                transport.begin(message)
            with suppress(TransportError):
                await transport.send(message.chat_id, Reply(f"echo {message.text}", message))
            await transport.acknowledge(message)


asyncio.run(serve(Path(sys.argv[1])))
