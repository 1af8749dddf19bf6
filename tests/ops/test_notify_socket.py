"""What a service manager hears of a daemon, at a socket of the test's own."""

import asyncio
import os
import socket
from contextlib import closing

import pytest

from butler.ops.notify_socket import NotifySocket, telling
from butler.transports.whatsapp import LinkState


class Manager:
    """Listens where a daemon writes."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def close(self):
        self._socket.close()

    async def next(self):
        """Wait for a message."""
        async with asyncio.timeout(20):
            found = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
        return found.decode()

    async def heard(self, line):
        """Wait until a line comes; return those before it."""
        lines = []
        while line not in lines:
            lines += (await self.next()).split("\n")
        return lines[:-1]


@pytest.fixture
def address(tmp_path):
    return str(tmp_path / "notify")


@pytest.fixture
def manager(address):
    with closing(Manager(address)) as manager:
        yield manager


def listening(address, **more):
    environment = {"NOTIFY_SOCKET": address, **more}
    found = NotifySocket.taken_from(environment)
    assert environment == {}  # so that nothing started from here can speak for the daemon
    return found


async def test_it_is_ready_once_the_state_of_its_link_is_known(manager, address):
    states = [LinkState("starting", 0.0)]
    async with telling(listening(address), lambda: states[-1], lambda: True):
        before = await manager.heard("WATCHDOG=1")
        states.append(LinkState("disconnected", 0.0, "no network"))
        early = await manager.heard("READY=1")
        status = await manager.next()

    assert before[0].startswith("STATUS=starting since ")
    assert "READY=1" not in before
    assert early == []
    assert status.startswith("STATUS=disconnected since ")
    assert status.endswith(" (no network)")


async def test_it_says_that_it_ends(manager, address):
    async with telling(listening(address), lambda: LinkState("connected", 0.0), lambda: True):
        pass

    await manager.heard("STOPPING=1")


async def test_the_watchdog_goes_hungry_while_the_gateway_does_not_answer(manager, address):
    is_alive = [False]
    watched = listening(address, WATCHDOG_USEC="40000", WATCHDOG_PID=str(os.getpid()))
    looked, looks = asyncio.Event(), []

    def answers():
        looks.append(is_alive[0])
        if len(looks) == 5:
            looked.set()
        return is_alive[0]

    async with telling(watched, lambda: LinkState("connected", 0.0), answers):
        await looked.wait()
        is_alive[0] = True
        before = await manager.heard("WATCHDOG=1")

    assert looks[:5] == [False] * 5
    assert [each.partition("=")[0] for each in before] == ["READY", "STATUS"]


def test_a_watchdog_of_another_process_is_not_ours():
    assert NotifySocket.taken_from({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}).watchdog_s > 1e9


async def test_an_abstract_address_is_understood():
    name = f"butler-test-{os.getpid()}"
    with closing(Manager(f"\0{name}")) as manager:
        listening(f"@{name}").tell("READY=1")

        assert await manager.heard("READY=1") == []


def test_without_a_service_manager_nothing_happens(tmp_path):
    listening(str(tmp_path / "nobody")).tell("READY=1")
    NotifySocket().tell("READY=1")
