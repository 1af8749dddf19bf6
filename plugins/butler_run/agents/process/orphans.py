"""Finds the processes of a run by a mark in their environment, where its reaper is lost.

An agent may kill or stop its own reaper, as it runs as the same user. Its processes then have
other parents, but the environment that they were started with stays readable in /proc.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "BUTLER_RUN"
_LOOK_AGAIN_S = 0.05


def end_marked(token: str, limit_s: float) -> list[int]:
    """Kill every process with this mark; return the ids of those that are left; blocks.

    Args:
        token: The value of ``MARK`` in their environment.
        limit_s: How long to wait for their end.
    """
    give_up_at = time.monotonic() + limit_s
    while found := list(_marked(token)):
        for process_id in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process_id, signal.SIGKILL)
        if time.monotonic() > give_up_at:
            return sorted(_marked(token))
        time.sleep(_LOOK_AGAIN_S)
    return []


def _marked(token: str) -> Iterator[int]:
    mark = f"{MARK}={token}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is over, or belongs to somebody else
            # Of a process that has ended, but was not waited for, this is empty.
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
