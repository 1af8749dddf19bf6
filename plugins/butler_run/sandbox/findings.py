"""The findings of `butler check` on the sandbox and on the network of agents."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from butler import Finding, Repo, listed
from butler_run.sandbox import limits
from butler_run.sandbox.boundary import Boundary
from butler_run.sandbox.enclosures import Enclosures
from butler_run.sandbox.probe import SandboxError

_SUBJECT = "sandbox"
_SHOWN = 10
_LISTENING = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# As the kernel writes addresses, see proc_net_tcp(5): 127.…, any, ::1, any, and 127.… in IPv6.
_NEAR = frozenset({"0" * 8, "0" * 32, "00000000000000000000000001000000"})
_LOOPBACK = "7F"


@dataclass(frozen=True, slots=True)
class InstalledAgent:
    """The agent that a repo has by default.

    Attributes:
        repo: The repo.
        copy: The working copy that contains it.
        boundary: What the agent can reach and take.
        program: Its program, absolute.
        environment: The environment of that.
    """

    repo: Repo
    copy: Path
    boundary: Boundary
    program: Path
    environment: Mapping[str, str]


def hidden_findings(enclosures: Enclosures, agents: Iterable[InstalledAgent]) -> list[Finding]:
    """Return a finding for each program that its sandbox hides, so that no run starts; blocking."""
    problems = dict.fromkeys(_hidden(enclosures, each) for each in agents)
    return [Finding(False, _SUBJECT, problem) for problem in problems if problem]


def _hidden(enclosures: Enclosures, agent: InstalledAgent) -> str:
    enclosure = enclosures.of_run(agent.repo, agent.copy, agent.boundary)
    try:
        enclosure.check_program(agent.program, agent.environment)
    except SandboxError as error:
        return str(error)
    return ""


def sandbox_findings(
    enclosures: Enclosures, boundaries: Mapping[str, Boundary]
) -> Iterator[Finding]:
    """Try the sandbox and yield its findings; blocking.

    Args:
        enclosures: Provides the bubblewrap.
        boundaries: The boundary of runs, by repo.
    """
    is_boxed = any(each.is_boxed for each in boundaries.values())
    if is_boxed:
        yield _tried(enclosures)
        if os.getuid() == 0:
            yield _note(
                "Butler runs as root, so agents can read every file that the sandbox does not "
                "hide, and only a check once a second limits their processes; run it as another "
                "user"
            )
    if open_ones := [name for name, each in boundaries.items() if not each.is_boxed]:
        yield _note(
            f"off for {listed(open_ones)}: agents there can do everything that Butler's user can"
        )
    if any(each.hosts is None for each in boundaries.values()):
        yield Finding(
            True,
            "network",
            f"agents reach all of it{_near()}; restrict it with the key network",
            is_note=True,
        )


def _near() -> str:
    ports = [str(port) for port in sorted(near_ports())]
    if len(ports) <= 1:
        return "".join(f", and port {port} of this machine" for port in ports)
    shown = ports if len(ports) <= _SHOWN else [*ports[:_SHOWN], f"{len(ports) - _SHOWN:,} more"]
    return f", and ports {', '.join(shown[:-1])} and {shown[-1]} of this machine"


def near_ports() -> set[int]:
    """Return the TCP ports with a listener that this machine can reach."""
    return {port for table in _TABLES for port in _ports(table)}


def _tried(enclosures: Enclosures) -> Finding:
    try:
        found = enclosures.bubblewrap()
    except SandboxError as error:
        return Finding(False, _SUBJECT, str(error))
    enforcing = (
        "prlimit enforces their limits"
        if shutil.which("prlimit")
        else "there is no prlimit(1), so nothing enforces their limits"
    )
    if limits.has_user_manager():
        enforcing = "a systemd scope enforces their limits"
    return Finding(
        True,
        _SUBJECT,
        f"{found.program}, bubblewrap {found.version}, works; agents get the system read-only, "
        f"their repo, and required parts of the home folder; {enforcing}",
    )


def _note(detail: str) -> Finding:
    return Finding(True, _SUBJECT, detail, is_note=True)


def _ports(table: Path) -> Iterator[int]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        _, local, _, state, *_ = line.split()
        address, _, port = local.partition(":")
        if state == _LISTENING and (address in _NEAR or address.endswith(_LOOPBACK)):
            yield int(port, 16)
