"""A disk that takes no more writes under a daemon, and works again later."""

import errno
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing

import pytest

from crash_series import Butler, eventually, link, query, write_config
from failing_disk import FailingDisk
from mounted_disk import MountedDisk
from whatsapp_server.fixtures import whatsapp_server

__all__ = ["whatsapp_server"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

IS_OPEN = "SELECT count(*) FROM inbox WHERE state != 'done'"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errno.EROFS, "cannot be written to (read-only file system)"),
        (errno.EIO, "cannot be written to (input/output error)"),
        (errno.EACCES, "cannot be written to (permission denied)"),
        (errno.EDQUOT, "is full (disk quota exceeded)"),
    ],
)
async def test_what_is_written_while_the_disk_fails_is_answered_once_it_works(
    whatsapp_server, tmp_path, error, said
):
    server = whatsapp_server
    alice = server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    await link(server, config)
    disk = FailingDisk(tmp_path)

    async with Butler(config, server, "run", environment=disk.environment) as butler:
        before = await server.send_text("/use api", sender=alice)
        await server.next_reply(30)
        await eventually(lambda: query(config, IS_OPEN) == [(0,)])
        disk.fail(error)
        meanwhile = [await server.send_text("/use web", sender=alice) for _ in range(9)]
        await eventually(lambda: said in butler.log, 30)
        await server.wait_offline()
        disk.fail(0)
        await eventually(lambda: len(server.replies) > len(meanwhile), 150)
        await eventually(lambda: query(config, IS_OPEN) == [(0,)], 60)
        assert butler.process.returncode is None

    answered = Counter(each.quoted_id for each in server.replies)
    assert answered == Counter([before.id, *(each.id for each in meanwhile)])
    # Their phones were not asked to send them again: nothing was confirmed that was not stored.
    assert "retry" not in server.timeline.names()
    assert butler.log.count("Trying again in") == 1
    assert "Traceback" not in butler.log


async def test_a_file_system_that_its_kernel_makes_read_only_loses_nothing(
    whatsapp_server, tmp_path
):
    server = whatsapp_server
    alice = server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    await link(server, config)
    disk = MountedDisk(tmp_path)

    async with Butler(config, server, "run", python=disk.python) as butler:
        before = await server.send_text("/use api", sender=alice)
        await server.next_reply(30)
        await server.wait_acknowledged(before)
        disk.fail()
        meanwhile = [await server.send_text("/use web", sender=alice) for _ in range(9)]
        await server.wait_offline()
        await eventually(lambda: "cannot be written to (read-only file system)" in butler.log)
        status = _status_in_its_namespace(config, butler)
        await butler.stop()
        assert butler.process.returncode == 0
    assert "cannot be written to (read-only file system); until it can be" in status
    assert "Traceback" not in butler.log

    disk.mend()
    async with Butler(config, server, "run", python=disk.python):
        await eventually(lambda: len(server.replies) > len(meanwhile), 150)
        await server.wait_acknowledged(*meanwhile)

    answered = Counter(each.quoted_id for each in server.replies)
    assert answered == Counter([before.id, *(each.id for each in meanwhile)])
    assert all("*web*" in reply.text for reply in server.replies[1:])


def _status_in_its_namespace(config, butler):
    command = ["nsenter", "--mount", "--target", str(butler.process.pid)]
    command += [sys.executable, "-m", "butler", "status", "--config", str(config)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


async def test_what_comes_while_only_the_journal_is_locked_waits_for_it(whatsapp_server, tmp_path):
    server = whatsapp_server
    alice = server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    await link(server, config)
    journal = tmp_path / "data" / "whatsapp" / "journal.sqlite3"

    async with Butler(config, server, "run") as butler:
        before = await server.send_text("/use api", sender=alice)
        await server.next_reply(30)
        with closing(sqlite3.connect(journal, isolation_level=None)) as locking:
            locking.execute("BEGIN IMMEDIATE")
            meanwhile = [await server.send_text("/use web", sender=alice) for _ in range(9)]
            await eventually(lambda: "cannot be written. Once it can be" in butler.log, 60)
            await server.wait_offline()
            meanwhile += [await server.send_text("/use api", sender=alice)]
            locking.execute("ROLLBACK")
        await eventually(lambda: len(server.replies) > len(meanwhile), 60)

    answered = Counter(each.quoted_id for each in server.replies)
    assert answered == Counter([before.id, *(each.id for each in meanwhile)])


@pytest.mark.parametrize("name", ["data", "data/whatsapp"])
async def test_a_folder_that_vanishes_is_not_made_again_and_all_goes_on_once_it_is_back(
    whatsapp_server, tmp_path, name
):
    server = whatsapp_server
    alice = server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    await link(server, config)

    async with Butler(config, server, "run") as butler:
        before = await server.send_text("/use api", sender=alice)
        await server.next_reply(30)
        await eventually(lambda: query(config, IS_OPEN) == [(0,)])
        (tmp_path / name).rename(tmp_path / "away")
        await eventually(lambda: "whatsapp has vanished. Once you have put it back" in butler.log)
        await server.wait_offline()
        meanwhile = [await server.send_text("/use web", sender=alice) for _ in range(3)]
        await eventually(lambda: "Put the folder back if you can" in butler.log, 30)
        assert not (tmp_path / name).exists()
        (tmp_path / "away").rename(tmp_path / name)
        await eventually(lambda: len(server.replies) > len(meanwhile), 90)

    assert butler.process.returncode == 0
    answered = Counter(each.quoted_id for each in server.replies)
    assert answered == Counter([before.id, *(each.id for each in meanwhile)])
    assert "Traceback" not in butler.log
