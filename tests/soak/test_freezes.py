"""Daemon and gateway stand still for longer than any timeout, as in a snapshot, and go on."""

import asyncio
import os
import re
import signal

import pytest

from crash_series import Butler, eventually, link, query, write_config
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

FREEZE_S = 40.0


async def test_after_a_freeze_the_gateway_lives_and_the_reply_in_flight_has_arrived(
    whatsapp_server, tmp_path
):
    alice = whatsapp_server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    await link(whatsapp_server, config)

    async with Butler(config, whatsapp_server, "run") as butler:
        gateway = await butler.gateway()
        whatsapp_server.faults.hold_acknowledgements()
        await whatsapp_server.send_text("/use api", sender=alice)
        await whatsapp_server.next_reply()
        for each in (butler.process.pid, gateway):
            os.kill(each, signal.SIGSTOP)
        await asyncio.sleep(FREEZE_S)
        whatsapp_server.faults.release_acknowledgements()
        for each in (gateway, butler.process.pid):
            os.kill(each, signal.SIGCONT)
        await eventually(lambda: query(config, "SELECT state FROM outbox") == [("sent",)])
        again = await whatsapp_server.send_text("/use web", sender=alice)
        assert (await whatsapp_server.next_reply()).quoted_id == again.id
        assert not butler.has_new_gateway(gateway)

    assert re.search(r"frozen for (39|4\d) s", butler.log)
