"""Turn a command into the command that runs it in a sandbox."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from butler_run.agents.process.enclosure import Launch
from butler_run.sandbox import limits
from butler_run.sandbox.boundary import Boundary
from butler_run.sandbox.bubblewrap import Bind, Box, Mount, command_line, shows
from butler_run.sandbox.git_folders import GitMounts, git_folders, prepared
from butler_run.sandbox.places import RUN_FOLDER, Places, mounts, prepare
from butler_run.sandbox.probe import SandboxError
from butler_run.sandbox.programs import needed_by

SOCKET = "proxy.sock"
_PORT = 3128
_BRIDGE = Path(__file__).with_name("bridge.py")
# They name folders that have other paths in the sandbox. systemd-run needs the second one.
_MISLEADING = ("TMPDIR", "XDG_RUNTIME_DIR")


@dataclass(frozen=True, slots=True)
class Boxed:
    """A launch in a sandbox, and the host's folder with the socket of its proxy."""

    launch: Launch
    run_folder: Path


@contextmanager
def boxed(
    bwrap: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    places: Places,
    boundary: Boundary,
) -> Iterator[Boxed]:
    """Create the files of the sandbox and yield the launch; blocking.

    Raises:
        SandboxError: The repo or the program cannot be used in a sandbox.
    """
    _check(places)
    is_in_scope = limits.has_user_manager()
    with ExitStack() as stack:
        run_folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="butler-run-")))
        prepare(places, run_folder)
        shutil.copyfile(_BRIDGE, run_folder / _BRIDGE.name)
        folders = git_folders(places.copy)
        git = stack.enter_context(prepared(folders)) if folders else GitMounts()
        places = _with_program(places, Path(command[0]), environment, run_folder, git)
        around = mounts(places, run_folder, git)
        bridge = _bridge(around) if boundary.hosts else _NO_BRIDGE
        resources = limits.resources(boundary.limits, is_boxed=True, is_in_scope=is_in_scope)
        box = Box(
            places.folder,
            (*around, *bridge.mounts),
            has_network=boundary.hosts is None,
            launcher=(*bridge.command, *resources),
            unset=_MISLEADING,
        )
        line = command_line(bwrap, box, command)
        before = limits.scope(boundary.limits) if is_in_scope else ()
        yield Boxed(
            Launch([*before, *line], _inside(environment, places, boundary), is_boxed=True),
            run_folder,
        )


def _check(places: Places) -> None:
    if places.home.is_relative_to(places.folder):
        raise SandboxError(
            f"{places.folder} contains the home folder, which the sandbox hides, so no agent can "
            "work there."
        )


def check_program(places: Places, program: Path, environment: Mapping[str, str]) -> None:
    """Look at the disk: check that a program would start in a sandbox with these folders.

    Raises:
        SandboxError: It would not.
    """
    _check(places)
    _with_program(places, program, environment, RUN_FOLDER, GitMounts())


def _with_program(
    places: Places,
    program: Path,
    environment: Mapping[str, str],
    run_folder: Path,
    git: GitMounts,
) -> Places:
    """Return the places with the folders needed to start the program.

    Raises:
        SandboxError: One of them is hidden by the sandbox.
    """
    around = mounts(places, run_folder, git)
    needed = needed_by(program, places.home, environment.get("PATH", ""))
    missing = [each for each in needed if not shows(around, each)]
    for each in missing:
        hidden = next((one for one in places.hidden if each.is_relative_to(one)), None)
        if hidden is not None:
            raise SandboxError(
                f"{program} needs {each}, which lies in {hidden}, and the sandbox hides that. "
                "Install the agent elsewhere."
            )
    return replace(places, readable=(*places.readable, *missing))


@dataclass(frozen=True, slots=True)
class _Bridge:
    command: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()


_NO_BRIDGE = _Bridge()


def _bridge(around: Sequence[Mount]) -> _Bridge:
    """Return the command of the bridge to the proxy, a script for Butler's Python."""
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    prefix = Path(sys.base_prefix).resolve()
    script = RUN_FOLDER / _BRIDGE.name
    command = (str(python), "-I", "-S", str(script), str(RUN_FOLDER / SOCKET), str(_PORT))
    shown = () if shows(around, python) else (Bind(prefix),)
    return _Bridge(command, shown)


def _inside(
    environment: Mapping[str, str], places: Places, boundary: Boundary
) -> Mapping[str, str]:
    """Return the environment of the sandbox; its program has it without what misleads."""
    kept = {**environment, "HOME": str(places.home)}
    if boundary.hosts:
        proxy = f"http://127.0.0.1:{_PORT}"
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            kept |= {name: proxy, name.lower(): proxy}
        for name in ("NO_PROXY", "no_proxy"):
            kept[name] = "localhost,127.0.0.1,::1"
        kept["NODE_USE_ENV_PROXY"] = "1"
    return kept
