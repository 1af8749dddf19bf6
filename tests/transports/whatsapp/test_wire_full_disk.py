"""A disk that fills up under a daemon, and has room again later."""

import resource
from collections import Counter

import pytest

from butler.ops import report as status
from crash_series import Butler, eventually, link, query, write_config
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = pytest.mark.wire

LARGEST_FILE_BYTES = 16_384


def _limit_files(process_id, size_bytes):
    """Let a process, and what it starts, write nothing beyond that in any file."""
    _soft, hard = resource.prlimit(process_id, resource.RLIMIT_FSIZE)
    limits = (hard if size_bytes is None else size_bytes, hard)
    resource.prlimit(process_id, resource.RLIMIT_FSIZE, limits)


def _link_shown(config):
    return next(line for line in status.lines(status.status(config)) if line.startswith("link"))


async def _fill_disk(server, config, butler, writer):
    """Fill the disk; return the message that the gateway notices it by."""
    for process_id in (butler.process.pid, await butler.gateway()):
        _limit_files(process_id, LARGEST_FILE_BYTES)
    noticed_by = await server.send_text("/use api", sender=writer)
    await eventually(lambda: "The disk of " in _link_shown(config), 30)
    return noticed_by


async def test_what_is_written_while_the_disk_is_full_is_answered_once_there_is_room(
    whatsapp_server, tmp_path
):
    server = whatsapp_server
    alice, bob = server.person("Alice"), server.person("Bob")
    config = write_config(tmp_path, people=[alice, bob])
    await link(server, config)

    async with Butler(config, server, "run") as butler:
        before = await server.send_text("/use api", sender=alice)
        await server.next_reply(30)
        noticed_by = await _fill_disk(server, config, butler, bob)
        meanwhile = [await server.send_text("/use web", sender=alice) for _ in range(10)]
        _limit_files(butler.process.pid, None)
        await server.wait_acknowledged(*meanwhile, timeout_s=60)
        is_open = "SELECT count(*) FROM inbox WHERE state != 'done'"
        await eventually(lambda: query(config, is_open) == [(0,)], 30)
        assert butler.process.returncode is None

    answered = Counter(each.quoted_id for each in server.replies)
    assert set(answered.values()) == {1}
    assert answered.keys() - {noticed_by.id} == {before.id, *(each.id for each in meanwhile)}
    assert butler.log.count("the journal cannot be written") <= 1
    assert "Traceback" not in butler.log
