"""Starts a program below a reaper."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from butler_run.agents.errors import AgentError
from butler_run.agents.process.enclosure import Launch
from butler_run.agents.process.orphans import MARK

_REAPER = Path(__file__).with_name("reaper.py")


def usual_name(command: Sequence[str]) -> str:
    """Return the usual name of a program; for npx, the package that it runs."""
    program = Path(command[0]).name
    package = next((each for each in command[1:] if not each.startswith("-")), "")
    return Path(package).name if program == "npx" and package else program


def found(program: str, folder: Path, environment: Mapping[str, str], how_to_get: str) -> str:
    """Return the path of a program.

    Raises:
        AgentError: It is not installed, or the folder does not exist.
    """
    if not folder.is_dir():
        raise AgentError(f"The folder {folder} no longer exists, so no agent can work there.")
    wanted = str(folder / program) if "/" in program else program
    path = shutil.which(wanted, path=environment.get("PATH", os.defpath))
    if path is None:
        sentence = f"{missing(program, Path(wanted))} on the machine that runs Butler."
        raise AgentError(f"{sentence} {how_to_get}".rstrip())
    return str(Path(path).absolute())


def missing(program: str, path: Path) -> str:
    """Return the beginning of a sentence on a program that cannot be found at its path."""
    if "/" in program and path.is_file():
        return f"{program} is not executable (chmod +x {path})"
    return f"{program} is not installed"


def start(
    launch: Launch, name: str, token: str, folder: Path, interval_s: float
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a reaper, and the program below it; return it with its control socket.

    Args:
        launch: What to start.
        name: The usual name of the program.
        token: The mark of all its processes.
        folder: Its working folder.
        interval_s: The time between the signals that end it.

    Raises:
        AgentError: It cannot be started.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        arguments = (
            *(str(theirs.fileno()), str(interval_s), "1" if launch.is_boxed else "0"),
            *launch.command,
        )
        try:
            # Not a process of asyncio: garbage collection of its transport kills it, and a killed
            # reaper cannot end its daemonised descendants.
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_REAPER), *arguments],
                cwd=folder,
                env={**launch.environment, MARK: token},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
            )
        except (OSError, ValueError) as error:
            ours.close()
            raise AgentError(f"{name} could not be started: {error}.") from None
    return child, ours
