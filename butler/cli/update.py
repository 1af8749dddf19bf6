"""`butler update`: say how to update, and with --check whether there is anything newer."""

import argparse
import importlib.metadata
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from butler import distribution
from butler.cli.exit_status import OK
from butler.cli.output import show_lines
from butler.errors import ButlerError

_LIMIT_S: Final = 30.0
_NEWEST: Final = re.compile(rf"{re.escape(distribution.NAME)} \(([0-9][0-9a-z.+!-]{{0,40}})\)")


class UpdateError(ButlerError):
    """The package index does not answer, or does not know Butler."""


def main(options: argparse.Namespace) -> int:
    """Print the installed version, with ``--check`` the newest one, and how to update."""
    installed = distribution.version()
    if not options.check:
        show_lines([f"Butler {installed} is installed. {_how()}"])
        return OK
    newest = _newest()
    if newest == installed:
        show_lines([f"Butler {installed} is the newest version."])
    else:
        show_lines([f"Butler {newest} is in the package index; {installed} is installed. {_how()}"])
    return OK


def _newest() -> str:
    """Ask the package index that pip is configured to use for the newest version.

    Raises:
        UpdateError: There is no pip, no answer, or no such package.
    """
    command = [sys.executable, "-P", "-m", "pip", "index", "versions", distribution.NAME]
    try:
        asked = subprocess.run(
            [*command, "--disable-pip-version-check"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UpdateError(f"The package index did not answer within {_LIMIT_S:.0f} s.") from None
    found = _NEWEST.match(asked.stdout)
    if found is None:
        raise UpdateError(_reason(asked.stderr))
    return found[1]


def _reason(complaint: str) -> str:
    if "No module named pip" in complaint:
        return f"This environment has no pip, which would ask the package index. {_how()}"
    if "No matching distribution" in complaint:
        return f"The package index knows no {distribution.NAME}. {_how()}"
    return "The package index cannot be reached. Try again later."


def _how() -> str:
    """Return how to update, by the way in which Butler was installed."""
    if (checkout := _checkout()) is not None:
        return f"To update: git -C {shlex.quote(str(checkout))} pull, then make run there."
    where = Path(sys.prefix)
    if where.parent.name == "tools" and where.parent.parent.name == "uv":
        return f"To update: uv tool upgrade {distribution.NAME}"
    if where.parent.name == "venvs" and where.parent.parent.name == "pipx":
        return f"To update: pipx upgrade {distribution.NAME}"
    pip = where / "bin" / "pip"
    return f"To update: {shlex.quote(str(pip))} install --upgrade {distribution.NAME}"


def _checkout() -> Path | None:
    """Return the checkout that is installed; None if Butler came as a package.

    By the record of an editable installation (PEP 610).
    """
    record = importlib.metadata.distribution(distribution.NAME).read_text("direct_url.json")
    found = json.loads(record or "{}")
    if not found.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(found.get("url", "")).path))
