"""A daemon's transport with a bot that echoes what it gets, and helps to wait for it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from butler.chat.message import Message, Reply
from butler.errors import TransportError
from butler.records.model import MemoryRecords
from butler.transports.whatsapp import Pacing, WhatsAppTransport, pair
from butler.transports.whatsapp.protocol.frames import Limits
from crash_series import gateway_of
from whatsapp_server import PATIENCE_S, WhatsAppServer


async def linked(server: WhatsAppServer, folder: Path) -> None:
    """Link the account, by scanning the QR code."""
    scanning: list[asyncio.Task[None]] = []

    def scan(qr: str, _life_s: float) -> None:
        if not scanning:
            scanning.append(asyncio.create_task(server.scan(qr)))

    await pair(folder, "Butler", on_qr=scan, on_code=lambda _code, _life_s: None)
    await scanning[0]


async def eventually(holds: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.01)


LIMITS = Limits()


class Daemon:
    """A daemon's transport, with the messages it got."""

    def __init__(self, transport: WhatsAppTransport, records: MemoryRecords) -> None:
        self.transport = transport
        self.records = records
        self.messages: list[Message] = []
        self.turns_over = 0

    @property
    def gateway_id(self) -> int | None:
        """The id of the gateway's process, if there is one now."""
        return gateway_of(os.getpid())

    def be_patient(self) -> None:
        """Give the next gateway the usual limits, which it keeps on a busy machine, too."""
        link = self.transport._supervisor
        link._options = replace(link._options, limits=LIMITS)

    @property
    def is_settled(self) -> bool:
        """Whether the gateway has confirmed the end of every turn that is over."""
        return self.transport._acknowledgements.is_settled.is_set()

    async def echo(self) -> None:
        """Answer every message with its own text."""
        async for message in self.transport.messages():
            self.messages.append(message)
            self.transport.begin(message)
            with suppress(TransportError):
                await self.transport.send(message.chat_id, Reply(f"echo {message.text}", message))
            await self.transport.acknowledge(message)
            self.turns_over += 1


UNLIMITED = Pacing(burst=100_000, per_second=1_000, per_minute=100_000)
"""Only the gap between two messages is left."""


@asynccontextmanager
async def daemon(
    folder: Path,
    *,
    echoes: bool = True,
    pacing: Pacing | None = UNLIMITED,
    limits: Limits = LIMITS,
    **options: float | None,
) -> AsyncIterator[Daemon]:
    """A daemon; its bot answers what begins with a slash, or has no text."""
    records = MemoryRecords()
    transport = WhatsAppTransport(
        folder,
        device_name="Butler",
        records=records,
        is_for_bot=lambda message: not message.text or message.text.startswith("/"),
        pacing=pacing,
        limits=limits,
        **options,
    )
    async with transport:
        running = Daemon(transport, records)
        echoing = asyncio.create_task(running.echo()) if echoes else None
        yield running
        if echoing:
            await eventually(lambda: running.turns_over == len(running.messages))
            echoing.cancel()
            await asyncio.gather(echoing, return_exceptions=True)
