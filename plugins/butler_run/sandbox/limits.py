"""Resource limits of a run: the commands that enforce them.

If the user has a systemd instance, a scope limits total memory and processes. Otherwise prlimit(1)
limits memory per process, and processes only in a sandbox, because outside it would count all of
the user's. For root only ``watch`` limits processes.
"""

import os
import shutil
import subprocess
from functools import cache

from butler_run.sandbox.boundary import MB, Limits

_SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "--collect")
_LIMIT_S = 5.0


@cache
def has_user_manager() -> bool:
    """Return whether systemd creates scopes for this user, by trying; blocking."""
    if not os.environ.get("XDG_RUNTIME_DIR") or not shutil.which(_SCOPE[0]):
        return False
    try:
        tried = subprocess.run(
            [*_SCOPE, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


def in_front(limits: Limits) -> tuple[str, ...]:
    """Return the command prefix that enforces limits without a sandbox; blocking."""
    is_in_scope = has_user_manager()
    before = scope(limits) if is_in_scope else ()
    return (*before, *resources(limits, is_boxed=False, is_in_scope=is_in_scope))


def scope(limits: Limits) -> tuple[str, ...]:
    """Return the command prefix that runs a command in a systemd scope."""
    properties = (
        f"MemoryMax={limits.memory_mb * MB}",
        "MemorySwapMax=0",
        f"TasksMax={_hard(limits.processes)}",
    )
    return (*_SCOPE, *(word for each in properties for word in ("--property", each)), "--")


def resources(limits: Limits, *, is_boxed: bool, is_in_scope: bool) -> tuple[str, ...]:
    """Return the command prefix that enforces limits by prlimit(1)."""
    if not shutil.which("prlimit"):
        return ()
    options = [f"--fsize={limits.file_mb * MB}", "--core=0"]
    if not is_in_scope:
        options.append(f"--data={limits.memory_mb * MB}")
    if is_boxed:
        options.append(f"--nproc={_hard(limits.processes)}")
    return ("prlimit", *options, "--")


def _hard(processes: int) -> int:
    """Return a limit that only a run reaches which the watch would end a moment later."""
    return processes + processes // 4 + 16
