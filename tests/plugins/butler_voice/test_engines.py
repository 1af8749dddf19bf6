"""Engines by themselves."""

import asyncio

import pytest

from butler_voice.engines import CommandEngine
from crash_series import eventually, is_alive


async def test_what_a_program_has_started_ends_with_it(tmp_path):
    pid_file = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {pid_file}.new; mv {pid_file}.new {pid_file}; wait"
    work = asyncio.create_task(CommandEngine(["sh", "-c", script]).text(tmp_path / "x", ""))
    await eventually(pid_file.exists)
    child = int(pid_file.read_text())
    assert is_alive(child)

    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    await eventually(lambda: not is_alive(child))
