"""A linked account on the stand-in server, and a bot that echoes what it gets."""

import asyncio
import os
import pickle
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import pytest

from butler.transports.whatsapp.daemon import supervisor
from whatsapp_daemon import linked
from whatsapp_server import WhatsAppServer

# The package without its initialisation: its protobuf classes, but no Go runtime in this process.
sys.modules.setdefault("neonize", module_from_spec(find_spec("neonize")))


@pytest.fixture(autouse=True)
def quick_restarts(monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_WAIT_S", 0.05)


@pytest.fixture(autouse=True)
def nothing_but_loopback(monkeypatch):
    """Point every gateway that has no stand-in server to a port where nobody listens."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


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
