"""Files elsewhere that git takes commands from, because its configuration names them.

A configuration may include others (``include.path``, ``includeIf.….path``), and may name a folder
of hooks (``core.hooksPath``); either may be a file of the repo, which an agent could write. So may
the user's own configuration, where it is a link into a repo.
"""

import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

_MAX_FILES = 100
_LIMIT_S = 5.0
_MAX_BYTES = 1_000_000
_KEYS = r"^(include(if\..*)?\.path|core\.hookspath)$"
_HOOKS = "core.hookspath"
# Git reports to files that its configuration names, before it looks at what it is asked.
_NO_OTHER_CONFIGURATION = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
_CONFIGURATION = (".gitconfig", ".config/git/config")


def users_configuration() -> list[Path]:
    """Return the paths of the user's own configuration of git."""
    home = Path.home()
    paths = [home / name for name in _CONFIGURATION]
    if elsewhere := os.environ.get("XDG_CONFIG_HOME"):
        paths.append(Path(elsewhere) / "git" / "config")
    return paths


def named_by(configuration: Iterable[Path], top: Path) -> list[Path]:
    """Return the files and folders that these files, and those they include, name; blocking.

    Those of conditional includes are among them, and those that do not exist; of links, also what
    they lead to.

    Args:
        configuration: The files to begin with.
        top: The folder of the working copy, where the path of a folder of hooks begins.
    """
    left, found = list(configuration), list[Path]()
    seen = set(left)
    while left and len(seen) < _MAX_FILES:
        file = left.pop(0)
        for key, path in _values(file, top):
            if path in seen:
                continue
            seen.add(path)
            found.append(path)
            if key != _HOOKS:
                left.append(path)
    return found


def _values(file: Path, top: Path) -> Iterator[tuple[str, Path]]:
    if b"path" not in _content(file).lower():
        return
    command = ("git", "config", "--file", str(file), "--null", "--no-includes", "--get-regexp")
    try:
        asked = subprocess.run(
            [*command, _KEYS],
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), **_NO_OTHER_CONFIGURATION},
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    for each in os.fsdecode(asked.stdout).split("\0"):
        key, _, value = each.partition("\n")
        if value:
            begin = top if key == _HOOKS else file.parent
            yield from ((key, path) for path in _places(begin, value))


def _places(begin: Path, value: str) -> Iterator[Path]:
    """Yield where a value leads: itself, and what it leads to by links."""
    path = Path(os.path.normpath(begin / os.path.expanduser(value)))  # noqa: PTH111
    yield path
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError):
        return
    if resolved != path:
        yield resolved


def _content(file: Path) -> bytes:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return b""
            return opened.read(_MAX_BYTES)
    except OSError:
        return b""
