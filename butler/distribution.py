"""The installed distribution: its name in the package index, and its version."""

import importlib.metadata
from typing import Final

NAME: Final = "butler-whatsapp"


def version() -> str:
    """Return the installed version, such as ``0.2.0``."""
    return importlib.metadata.version(NAME)


def extra(name: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install '{NAME}[{name}]'"
