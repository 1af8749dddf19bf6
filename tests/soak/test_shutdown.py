"""SIGTERM in awkward moments: the end comes within ten seconds, and no process is left."""

import time

import pytest

from crash_series import Butler, eventually, is_alive, link, query, write_config
from whatsapp_server import Door
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

LIMIT_S = 10


async def _ends_in_time(butler: Butler) -> int:
    gateway = await butler.gateway()
    began = time.monotonic()
    status = await butler.stop()
    await eventually(lambda: not is_alive(gateway), LIMIT_S)
    elapsed_s = time.monotonic() - began
    print(f"ended after {elapsed_s:.1f} s with {status}")  # noqa: T201 - shown by -rP
    assert elapsed_s < LIMIT_S
    return status


async def test_while_a_code_is_shown(whatsapp_server, tmp_path):
    async with Butler(write_config(tmp_path), whatsapp_server, "pair") as butler:
        await eventually(lambda: "Scan the code" in butler.log)
        status = await _ends_in_time(butler)

    assert status == 1
    assert "Traceback" not in butler.log


@pytest.mark.parametrize(
    ("door", "happens"),
    [
        (Door.REFUSED, "refused"),
        (Door.SILENT, "stalled"),
        (Door.NO_TLS, "stalled"),
        (Door.NO_UPGRADE, "stalled"),
        (Door.NO_HANDSHAKE, "stalled"),
    ],
)
async def test_while_it_connects(whatsapp_server, tmp_path, door, happens):
    config = write_config(tmp_path)
    await link(whatsapp_server, config)
    whatsapp_server.faults.shut(door)
    mark = whatsapp_server.timeline.mark()

    async with Butler(config, whatsapp_server, "run") as butler:
        await whatsapp_server.timeline.wait(happens, since=mark)
        assert await _ends_in_time(butler) == 0

    assert "Traceback" not in butler.log


async def test_with_a_send_that_is_stuck(whatsapp_server, tmp_path):
    alice = whatsapp_server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    await link(whatsapp_server, config)

    async with Butler(config, whatsapp_server, "run") as butler:
        whatsapp_server.faults.hold_acknowledgements()
        await whatsapp_server.send_text("/use api", sender=alice)
        await whatsapp_server.next_reply()
        assert await _ends_in_time(butler) == 0

    assert "A reply may or may not have arrived" in butler.log
    assert query(config, "SELECT state FROM outbox") == [("unknown",)]
    assert query(config, "SELECT state FROM inbox") == [("done",)]


async def test_with_a_reply_that_waits_behind_one_that_is_stuck(whatsapp_server, tmp_path):
    alice, bob = whatsapp_server.person("Alice"), whatsapp_server.person("Bob")
    config = write_config(tmp_path, people=[alice, bob])
    await link(whatsapp_server, config)

    async with Butler(config, whatsapp_server, "run") as butler:
        whatsapp_server.faults.hold_acknowledgements()
        stuck = await whatsapp_server.send_text("/use api", sender=alice)
        await whatsapp_server.next_reply()
        waits = await whatsapp_server.send_text("/use api", sender=bob)
        asked = "SELECT count(*) FROM outbox WHERE state = 'asked'"
        await eventually(lambda: query(config, asked) == [(1,)])
        assert await _ends_in_time(butler) == 0

    assert "A reply was still waiting for WhatsApp" in butler.log
    whatsapp_server.faults.release_acknowledgements()
    await whatsapp_server.wait_offline()
    async with Butler(config, whatsapp_server, "run"):
        await whatsapp_server.next_reply()

    assert [each.quoted_id for each in whatsapp_server.replies] == [stuck.id, waits.id]
    assert query(config, "SELECT DISTINCT state FROM inbox") == [("done",)]


async def test_with_a_backlog_it_ends_well_and_the_next_start_goes_on(whatsapp_server, tmp_path):
    alice = whatsapp_server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    await link(whatsapp_server, config)

    async with Butler(config, whatsapp_server, "run") as butler:
        whatsapp_server.faults.hold_acknowledgements()
        sent = [await whatsapp_server.send_text("/use api", sender=alice) for _ in range(50)]
        await whatsapp_server.next_reply()
        assert await _ends_in_time(butler) == 0

    whatsapp_server.faults.release_acknowledgements()
    await whatsapp_server.wait_offline()
    async with Butler(config, whatsapp_server, "run"):
        is_open = "SELECT count(*) FROM inbox WHERE state != 'done'"
        await eventually(lambda: query(config, is_open) == [(0,)], 60)

    answered = [each.quoted_id for each in whatsapp_server.replies]
    assert len(answered) == len(set(answered))
    assert set(answered) <= {each.id for each in sent}
    assert "Traceback" not in butler.log
