"""A linked account on the stand-in server, and a bot that echoes what it gets."""

import asyncio
import os
import pickle
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import pytest

from butler.errors import TransportError
from butler.message import Message, Reply
from butler.records import MemoryRecords
from butler.transports.whatsapp import Pacing, WhatsAppTransport, link, pair
from butler.transports.whatsapp.limits import Limits
from whatsapp_server import PATIENCE_S, WhatsAppServer

# The package without its initialisation: its protobuf classes, but no Go runtime in this process.
sys.modules.setdefault("neonize", module_from_spec(find_spec("neonize")))


@pytest.fixture(autouse=True)
def quick_restarts(monkeypatch):
    monkeypatch.setattr(link, "FIRST_WAIT_S", 0.05)


@pytest.fixture(autouse=True)
def nothing_but_loopback(monkeypatch):
    """Point every gateway that has no stand-in server to a port where nobody listens."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


async def linked(server: WhatsAppServer, folder: Path) -> None:
    """Link the account, by scanning the QR code."""
    scanning: list[asyncio.Task[None]] = []

    def scan(qr: str) -> None:
        if not scanning:
            scanning.append(asyncio.create_task(server.scan(qr)))

    await pair(folder, "Butler", on_qr=scan, on_code=lambda _code: None)
    await scanning[0]


@dataclass(frozen=True)
class Account:
    """An account as it is right after linking: the server's world, and the bot's folder."""

    world: bytes
    folder: Path


@pytest.fixture(scope="session")
def account(tmp_path_factory):
    """An account that was linked once, for all tests to start from."""
    folder = tmp_path_factory.mktemp("account") / "whatsapp"

    async def link_once() -> bytes:
        async with WhatsAppServer() as server:
            with pytest.MonkeyPatch.context() as monkeypatch:
                _use(server, monkeypatch)
                await linked(server, folder)
            await server.wait_offline()
            return pickle.dumps(server.world)

    return Account(asyncio.run(link_once()), folder)


@pytest.fixture
async def server(request, monkeypatch, nothing_but_loopback):
    """A server; it knows the linked account where the test has its folder."""
    world = None
    if "folder" in request.fixturenames:
        world = pickle.loads(request.getfixturevalue("account").world)  # noqa: S301 - our own
    async with WhatsAppServer(world=world) as server:
        _use(server, monkeypatch)
        yield server


@pytest.fixture
def folder(account, tmp_path):
    """The folder of an account that is linked."""
    return Path(shutil.copytree(account.folder, tmp_path / "whatsapp"))


def _use(server: WhatsAppServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment().items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)


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

    def be_patient(self) -> None:
        """Give the next gateway the usual limits, which it keeps on a busy machine, too."""
        link = self.transport._link
        link._options = replace(link._options, limits=LIMITS)

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
