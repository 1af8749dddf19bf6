"""SIGTERM in awkward moments: the end comes within ten seconds, and no process is left."""

import asyncio
import os
import shlex
import sqlite3
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

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


RUNS = """
[plugins.run]
sandbox = "off"
agent = "shell"
[plugins.run.agents.shell]
kind = "command"
command = ["sh"]
"""
GETS_AWAY = """
import os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
for _ in range(3):
    if os.fork():
        os._exit(0)
    os.setsid()
for descriptor in range(3):
    os.close(descriptor)
open(sys.argv[1], "w").write(str(os.getpid()))
os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)"], {})
"""
DEAF = "trap '' INT TERM HUP; echo $$ > {pids}/agent; {before}; while :; do sleep 1; done"


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("true", id="deaf"),
        pytest.param("{gets_away}", id="with a daemon without a mark"),
        pytest.param("{gets_away}; kill -9 $PPID", id="that killed its reaper"),
        pytest.param("{gets_away}; kill -STOP $PPID", id="that stopped its reaper"),
    ],
)
async def test_with_an_agent(whatsapp_server, tmp_path, before):
    alice = whatsapp_server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    text = config.read_text().replace('["session"]', '["session", "run"]')
    config.write_text(text.replace("users =", "owners =") + RUNS)
    await link(whatsapp_server, config)
    pids = tmp_path / "pids"
    pids.mkdir()
    program = tmp_path / "gets_away.py"
    program.write_text(textwrap.dedent(GETS_AWAY))
    gets_away = shlex.join([sys.executable, str(program), str(pids / "away")])
    gets_away += f"; while ! test -s {pids}/away; do sleep 0.1; done; sleep 0.5"
    script = DEAF.format(pids=pids, before=before.format(gets_away=gets_away))
    count = 1 + ("gets_away" in before)

    async with Butler(config, whatsapp_server, "run") as butler:
        await whatsapp_server.wait_online()
        await whatsapp_server.send_text("/use api", sender=alice)
        await whatsapp_server.send_text(f"/run {script}", sender=alice)
        await eventually(lambda: len(_ids_in(pids)) == count)
        found = _ids_in(pids)
        assert await _ends_in_time(butler) == 0

    assert [each for each in found if is_alive(each)] == []
    assert "Traceback" not in butler.log


def _ids_in(folder: Path) -> list[int]:
    return [int(each.read_text()) for each in folder.iterdir() if each.read_text().strip()]


async def test_with_a_thread_that_waits_for_a_file_that_is_never_written(whatsapp_server, tmp_path):
    config = write_config(tmp_path)
    await link(whatsapp_server, config)

    async with Butler(config, whatsapp_server, "run") as butler:
        await whatsapp_server.wait_online()
        config.unlink()
        os.mkfifo(config)
        await asyncio.sleep(4)  # Butler looks at its configuration every 2 s
        assert await _ends_in_time(butler) == 0


async def test_while_a_turn_waits_for_sessions_that_another_process_locks(
    whatsapp_server, tmp_path
):
    alice = whatsapp_server.person("Alice")
    config = write_config(tmp_path, people=[alice])
    await link(whatsapp_server, config)

    async with Butler(config, whatsapp_server, "run") as butler:
        await whatsapp_server.send_text("/use api", sender=alice)
        await whatsapp_server.next_reply()
        path = tmp_path / "data" / "sessions.sqlite3"
        with closing(sqlite3.connect(path, isolation_level=None)) as locking:
            locking.execute("BEGIN IMMEDIATE")
            sent = await whatsapp_server.send_text("/use web", sender=alice)
            await whatsapp_server.wait_acknowledged(sent)
            assert await _ends_in_time(butler) == 0

    await whatsapp_server.wait_offline()
    async with Butler(config, whatsapp_server, "run"):
        is_open = "SELECT count(*) FROM inbox WHERE state != 'done'"
        await eventually(lambda: query(config, is_open) == [(0,)], 60)
    assert whatsapp_server.replies[-1].quoted_id == sent.id
