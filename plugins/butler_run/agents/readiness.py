"""Checks whether an agent could start here: its interpreter, and its login."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from butler_run.agents.complaints import how_to_log_in
from butler_run.agents.presets import Login

_SYSTEM_FOLDERS = frozenset({"/bin", "/usr/bin", "/usr/local/bin"})
_TIMEOUT_S = 10.0
_MAX_FIRST_LINE = 500
_CANNOT_RUN = frozenset({126, 127})
"""What env and shells exit with where a program cannot be started, or there is none."""


def with_own_folder_first(environment: Mapping[str, str], program: str) -> dict[str, str]:
    """Return ``environment`` with the folder of an installed program first on its PATH.

    There is its interpreter, as with the many Node.js of one machine, whatever PATH a service has.
    Folders of the system stay where they are: they would hide what the user has instead.
    """
    path = environment.get("PATH", os.defpath)
    found = shutil.which(program, path=path)
    folder = str(Path(found).absolute().parent) if found else ""
    if not folder or (folder in _SYSTEM_FOLDERS and folder in path.split(os.pathsep)):
        return dict(environment)
    return {**environment, "PATH": os.pathsep.join([folder, path])}


def interpreter(program: Path) -> list[str]:
    """Return the command that the first line of a script names; nothing for other programs."""
    first = _first_line(program)
    if not first.startswith(b"#!"):
        return []
    try:
        words = shlex.split(os.fsdecode(first[2:]).strip())
    except ValueError:
        return []
    if words and Path(words[0]).name == "env":
        named = (each for each in words[1:] if not each.startswith("-") and "=" not in each)
        return [words[0], *list(named)[:1]]
    return words[:1]


def interpreter_problem(program: Path, environment: Mapping[str, str]) -> str:
    """Start the interpreter that a script names; return why it does not start, else nothing."""
    command = interpreter(program)
    if not command:
        return ""
    if _first_line(program).endswith(b"\r\n"):
        return f"{program} has line ends of Windows, so it does not start: dos2unix mends that."
    try:
        status = subprocess.run(
            [*command, "--version"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        ).returncode
    except OSError as error:
        return f"{program} needs {command[0]}, which does not start: {error.strerror}."
    except subprocess.TimeoutExpired:
        return f"{program} needs {command[-1]}, which does not answer to --version."
    if status in _CANNOT_RUN:
        return (
            f"{program} needs {command[-1]}, which is not on the PATH that it gets "
            f"({environment.get('PATH', os.defpath)})."
        )
    return ""


def _first_line(program: Path) -> bytes:
    try:
        with program.open("rb") as file:
            return file.readline(_MAX_FIRST_LINE)
    except OSError:
        return b""


def login_problem(login: Login | None, environment: Mapping[str, str]) -> str:
    """Look for the login of an agent; return a sentence if there is none, else nothing."""
    if login is None or (sys.platform == "darwin" and login.is_in_keychain):
        return ""
    home = Path.home()
    is_found = (
        any(environment.get(each) for each in login.variables)
        or any((home / each).exists() for each in login.files)
        or any(_mentions(home / each, login.settings_keys) for each in login.settings)
    )
    return "" if is_found else how_to_log_in(login.way)


def _mentions(path: Path, keys: tuple[str, ...]) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(key in text for key in keys)
