"""Checks the installation of neonize without importing it."""

import importlib.util
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from butler.errors import TransportError

_ENDINGS = {"Darwin": "dylib", "Windows": "dll"}
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def check() -> None:
    """Ensure that importing neonize works and downloads nothing.

    Raises:
        TransportError: It would fail; the text says what to install.
    """
    look()
    _forbid_download()


def look() -> None:
    """Check everything that importing neonize requires.

    Raises:
        TransportError: Something is missing; the text says what to install.
    """
    library = _folder() / _library_name()
    if not library.is_file():
        raise TransportError(
            f"The neonize installation is incomplete: {library} is missing. Reinstall it with: "
            f"pip install --force-reinstall neonize=={version('neonize')}"
        )


def _folder() -> Path:
    spec = importlib.util.find_spec("neonize")
    if spec is None or not spec.submodule_search_locations:
        raise TransportError(
            "neonize is not installed. Install it with: pip install neonize==0.5.2"
        )
    return Path(spec.submodule_search_locations[0])


def _library_name() -> str:
    machine = platform.machine().lower()
    system = platform.system()
    ending = _ENDINGS.get(system, "so")
    return f"neonize-{system.lower()}-{_MACHINES.get(machine, machine)}.{ending}"


def _forbid_download() -> None:
    # On a version that does not match, importing neonize downloads a library and does not verify
    # it (neonize/_binder.py, load_goneonize).
    stub = ModuleType("neonize.download")
    stub.__dict__.update(__GONEONIZE_VERSION__=version("neonize"), download=_refuse)
    sys.modules[stub.__name__] = stub


def _refuse() -> None:
    raise RuntimeError("the neonize library does not match its Python package")
