"""Fifty pages of the panel are open: what that costs the chats, and the two processes."""

import asyncio
import os
import re
import statistics
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from butler.app import read_setup
from butler.ops.control import answering
from butler.ops.door import Door
from butler.storage.files import locked, private_folder
from butler.testing import open_chat

VIEWERS, ROUNDS, COMMANDS = 50, 4, 100
MOST_PANEL_MB, MOST_DAEMON_MB = 60.0, 5.0
"""What the panel's process may take, and by how much the daemon may grow."""


def memory_mb(process_id):
    text = Path(f"/proc/{process_id}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1_000


def p99_ms(times_s):
    return statistics.quantiles(times_s, n=100)[98] * 1_000


@asynccontextmanager
async def panel(config):
    """Run the panel; yield its process and the cookie and address of an owner."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "butler", "panel", "--no-browser", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        link = (await process.stdout.readline()).decode().strip()
        host, _, token = link.removeprefix("http://").partition("/sign-in#")
        head = await _asked(host, "POST /sign-in", f"token={token}")
        yield process, host, re.search(r"set-cookie: ([^;]+)", head, re.IGNORECASE)[1]
    finally:
        process.terminate()
        await process.wait()


async def _asked(host, line, body="", cookie=""):
    reader, writer = await _sent(host, line, body, cookie)
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def _sent(host, line, body="", cookie=""):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(host.rpartition(":")[2]))
    writer.write(
        f"{line} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n"
        f"Accept: text/html\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}".encode()
    )
    return reader, writer


async def view(host, cookie):
    """Look at a page and its stream until cancelled; say how much came."""
    count = 0
    await _asked(host, "GET /", cookie=cookie)
    reader, writer = await _sent(host, "GET /now/stream", cookie=cookie)
    try:
        while chunk := await reader.read(65_536):
            count += len(chunk)
    except asyncio.CancelledError:
        return count
    finally:
        writer.close()
    return count


async def took_s(chat):
    times = []
    for _ in range(COMMANDS):
        began = time.perf_counter()
        assert await chat("/repo")
        times.append(time.perf_counter() - began)
    return times


@pytest.mark.timeout(600)
async def test_fifty_viewers_cost_a_chat_nothing(butler_toml, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "butler.toml"
    config.touch(0o600)
    config.write_text(butler_toml)
    setup = read_setup(config)
    data, without, with_viewers, seen = private_folder(setup.config.data_dir), [], [], []
    with locked(data / "daemon.lock", "Another Butler"):
        async with open_chat(setup) as chat:
            await chat("/use api")
            before_mb = memory_mb(os.getpid())
            door = Door(setup.plugins.values(), chat.bot)
            async with answering(data, chat.bot.ask, door), panel(config) as opened:
                process, host, cookie = opened
                for _ in range(ROUNDS):
                    without += await took_s(chat)
                    viewers = [asyncio.create_task(view(host, cookie)) for _ in range(VIEWERS)]
                    await asyncio.sleep(2)
                    with_viewers += await took_s(chat)
                    panel_mb = memory_mb(process.pid)
                    for each in viewers:
                        each.cancel()
                    seen += await asyncio.gather(*viewers)
                page = await _asked(host, "GET /", cookie=cookie)
            grown_mb = memory_mb(os.getpid()) - before_mb

    print(f"p99 of /repo: {p99_ms(without):.1f} ms alone, {p99_ms(with_viewers):.1f} ms watched")  # noqa: T201
    print(f"panel {panel_mb:.1f} MB, daemon +{grown_mb:.1f} MB, first page {len(page):,} bytes")  # noqa: T201
    assert min(seen) > 0, "each viewer saw something"
    assert panel_mb <= MOST_PANEL_MB
    assert grown_mb <= MOST_DAEMON_MB
    assert p99_ms(with_viewers) <= 2 * p99_ms(without) + 20
