"""What Butler's git takes over from the user's own configuration of git.

The user's configuration may lead into a repo: by ``include.path``, by ``includeIf``, or by being a
link to a file there, which may not exist yet. Whoever writes that file could name filters and other
programs, and git would run them with all the permissions of the user. So git gets a configuration
of Butler's own in place of the user's and the system's, with values that name no program. The one
filter that it may have is that of Git LFS, as Butler knows it, if the user has one of that name.
"""

import asyncio
import logging
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from butler.errors import GitError
from butler.repos.git_process import run

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""Maximum delay until a change of the user's configuration applies here."""

_LIMIT_S = 2.0
_AGAIN_S = 60.0

TAKEN_OF_USER = (
    *("safe.directory", "core.excludesfile", "core.attributesfile"),
    *("core.autocrlf", "core.eol", "core.trustctime", "core.checkstat"),
    *("core.precomposeunicode", "core.ignorecase", "diff.algorithm"),
)
_LFS = "filter.lfs.clean"
_LFS_FILTER = """[filter "lfs"]
\tclean = git-lfs clean -- %f
\tsmudge = git-lfs smudge -- %f
\tprocess = git-lfs filter-process
\trequired = true
"""
_PATTERN = "|".join(re.escape(key) for key in (*TAKEN_OF_USER, _LFS))
_READING = ("config", "--null", "--includes", "--get-regexp", f"^({_PATTERN})$")
_INSTEAD = {"GIT_CONFIG_NOSYSTEM": "1"}


@dataclass(frozen=True, slots=True)
class _Known:
    surroundings: tuple[object, ...]
    until: float
    text: str


class UsersConfiguration:
    """The user's configuration of git, read at most once a second."""

    def __init__(self) -> None:
        self._known: _Known | None = None

    @asynccontextmanager
    async def replaced(self) -> AsyncIterator[dict[str, str]]:
        """Yield the variables that make git read Butler's configuration in its place.

        What cannot be read, or has to be waited for, such as a pipe, counts as none for a minute.
        """
        text = await self._text()
        path = await asyncio.to_thread(_written, text)
        try:
            yield {**_INSTEAD, "GIT_CONFIG_GLOBAL": str(path)}
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _text(self) -> str:
        surroundings, known = _surroundings(), self._known
        if known is None or known.surroundings != surroundings or time.monotonic() >= known.until:
            text, lasts_s = await _read()
            known = self._known = _Known(surroundings, time.monotonic() + lasts_s, text)
        return known.text


def _surroundings() -> tuple[object, ...]:
    """Return what tells at once that another configuration may apply."""
    variables = tuple(os.environ.get(name) for name in ("HOME", "XDG_CONFIG_HOME", "PATH"))
    return (*variables, *map(_stamp, users_files()))


def users_files() -> list[Path]:
    """Return the paths of the user's own configuration of git."""
    home = Path.home()
    elsewhere = os.environ.get("XDG_CONFIG_HOME")
    others = [Path(elsewhere)] if elsewhere else []
    return [home / ".gitconfig", *(each / "git/config" for each in (home / ".config", *others))]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


async def _read() -> tuple[str, float]:
    """Return the text of Butler's configuration, and for how many seconds it is good."""
    try:
        async with asyncio.timeout(_LIMIT_S):
            # In no repository, whose configuration would be read as well.
            answer = await run(Path("/"), _READING, {"GIT_DIR": os.devnull}, None)
    except (GitError, TimeoutError) as error:
        if isinstance(error, GitError) and error.status == 1:  # there is none
            return "", LOOK_EVERY_S
        logger.warning("the user's configuration of git cannot be read: %r", error)
        return "", _AGAIN_S
    pairs = (each.partition("\n") for each in os.fsdecode(answer).split("\0"))
    return _configuration([(key.lower(), value) for key, _, value in pairs]), LOOK_EVERY_S


def _configuration(found: list[tuple[str, str]]) -> str:
    lines = []
    for key, value in found:
        if key in TAKEN_OF_USER:
            section, name = key.split(".")
            lines.append(f"[{section}]\n\t{name} = {_quoted(value)}\n")
    if any(key == _LFS and value for key, value in found):
        lines.append(_LFS_FILTER)
    return "".join(lines)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _written(text: str) -> Path:
    """Write a file that only the user can read; an empty one stands for no configuration."""
    descriptor, path = tempfile.mkstemp(prefix="butler-git-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.fsencode(text))
    return Path(path)
