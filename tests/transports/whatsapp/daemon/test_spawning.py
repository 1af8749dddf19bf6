"""Gateway processes that are started before there is a daemon to serve."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from butler.transports.whatsapp.daemon import spawning
from butler.transports.whatsapp.daemon.process import gateway
from butler.transports.whatsapp.daemon.spawning import Spawned
from butler.transports.whatsapp.daemon.supervisor import Supervisor
from butler.transports.whatsapp.protocol.frames import Options
from crash_series import is_alive

FAKE = Path(__file__).with_name("fake_gateway.py")


@pytest.fixture
def play(monkeypatch):
    """Makes every gateway that is started play a scenario."""
    return lambda *command: monkeypatch.setattr(spawning, "COMMAND", (sys.executable, *command))


def test_a_gateway_that_nobody_served_is_gone_with_its_block(play):
    play(str(FAKE), "again")

    with Spawned() as spawned:
        was_alive = is_alive(spawned.process.pid)

    assert was_alive
    assert not is_alive(spawned.process.pid)


async def test_a_gateway_started_before_is_the_first_that_serves(play, tmp_path):
    play(str(FAKE), "again")
    with Spawned() as spawned:
        async with gateway(Options(str(tmp_path), "Butler"), spawned) as served:
            first = await anext(served.frames())

    assert served.id == spawned.process.pid
    assert first.row == 1
    assert not is_alive(served.id)


async def test_only_the_first_gateway_was_started_before(play, tmp_path, monkeypatch):
    play(str(FAKE), "dies")
    process_ids = []
    with Spawned() as spawned:
        kept = Supervisor(
            Options(str(tmp_path), "Butler"),
            lambda _frame: None,
            lambda: process_ids.append(kept._process.id),
            spawned,
        )

        await kept._run()
        await kept._run()

    assert process_ids[0] == spawned.process.pid != process_ids[1]


def test_a_gateway_cannot_speak_for_the_daemon_to_the_service_manager(play, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/nowhere")
    monkeypatch.setenv("SEEN_BY_ALL", "1")
    play("-c", "import os; print([k for k in os.environ if k in ('NOTIFY_SOCKET', 'SEEN_BY_ALL')])")

    with Spawned() as spawned:
        printed = spawned.process.stdout.read()

    assert printed == b"['SEEN_BY_ALL']\n"
    assert "NOTIFY_SOCKET" in os.environ


def test_a_daemon_starts_its_gateway_before_it_loads_itself():
    code = (
        "import sys, butler.cli.run\n"
        "slow = {'asyncio', 'pydantic', 'butler.app', 'butler.errors', 'logging'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert shown == b"[]\n"
