"""`butler pair` as a person has it: a process that shows a code, and can be ended."""

import asyncio
import os
import re
import signal
import sys
import termios
from pathlib import Path

import pexpect
import pytest

from butler.transports.whatsapp import linked_account
from crash_series import Butler, eventually, is_alive, write_config
from whatsapp_server import PATIENCE_S, Door
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = pytest.mark.wire

CODE = re.compile("([A-Z0-9]{4}-[A-Z0-9]{4})")
LAST_LINE_OF_A_CODE = "butler pair --phone"
GIVEN_UP = "Linking was cancelled. To start again: butler pair"


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


def _open_sockets(process_id):
    return sum(each.is_socket() for each in Path(f"/proc/{process_id}/fd").iterdir())


async def _ended_by(number, butler):
    """Send a signal; return the exit status once no process is left."""
    gateway = await butler.gateway()
    butler.process.send_signal(number)
    status = await butler.process.wait()
    await eventually(lambda: not is_alive(gateway))
    return status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_while_a_code_is_shown_ends_it_with_one_sentence(
    config, whatsapp_server, number
):
    async with Butler(config, whatsapp_server, "pair") as butler:
        await eventually(lambda: "Scan the code" in butler.log)
        status = await _ended_by(number, butler)

    assert status == 1
    assert butler.log.splitlines()[-1] == GIVEN_UP
    assert butler.log.count(GIVEN_UP) == 1
    assert "Traceback" not in butler.log


async def test_a_signal_while_it_waits_for_whatsapp_ends_it_with_one_sentence(
    config, whatsapp_server
):
    whatsapp_server.faults.shut(Door.NO_UPGRADE)

    async with Butler(config, whatsapp_server, "pair") as butler:
        await whatsapp_server.timeline.wait("stalled")
        status = await _ended_by(signal.SIGTERM, butler)

    assert (status, butler.log) == (1, f"{GIVEN_UP}\n")


async def test_impatience_leaves_no_gateway_behind(config, whatsapp_server):
    async with Butler(config, whatsapp_server, "pair") as butler:
        await eventually(lambda: "Scan the code" in butler.log)
        gateway = await butler.gateway()
        os.kill(gateway, signal.SIGSTOP)
        sockets = _open_sockets(butler.process.pid)
        butler.process.terminate()
        await eventually(lambda: _open_sockets(butler.process.pid) < sockets)
        butler.process.terminate()
        status = await butler.process.wait()

        assert status == 1
        assert not is_alive(gateway)


async def test_a_signal_after_the_account_was_linked_leaves_it_linked(config, whatsapp_server):
    owner = whatsapp_server.owner
    arguments = ("pair", "--phone", f"+{owner.phone}")

    async with Butler(config, whatsapp_server, *arguments) as butler:
        await eventually(lambda: CODE.search(butler.log))
        entering = asyncio.create_task(whatsapp_server.enter_code(CODE.search(butler.log)[1]))
        whatsapp_server.faults.refuse_connections(100)
        await eventually(lambda: linked_account(config.parent / "data" / "whatsapp"))
        status = await _ended_by(signal.SIGTERM, butler)
        entering.cancel()

    assert status == 0
    assert butler.log.endswith(f"Linked as +{owner.phone}. Next: butler run\n")


async def test_ctrl_c_in_a_terminal_ends_it_on_a_line_of_its_own(config, whatsapp_server):
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "butler", "pair", "--config", str(config)],
        env=whatsapp_server.environment(),
        encoding="utf-8",
        timeout=PATIENCE_S,
    )
    before = termios.tcgetattr(terminal.child_fd)

    await asyncio.to_thread(terminal.expect, LAST_LINE_OF_A_CODE)
    terminal.sendcontrol("c")
    await asyncio.to_thread(terminal.expect, pexpect.EOF)

    assert f"\n{GIVEN_UP}\r\n" in terminal.before
    assert termios.tcgetattr(terminal.child_fd) == before
    terminal.close()
    assert terminal.exitstatus == 1
