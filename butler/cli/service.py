"""`butler service`: run Butler as a service of the user."""

import argparse
import subprocess
from collections.abc import Sequence

from butler import app
from butler.cli.exit_status import FAILED, OK
from butler.cli.output import show_lines
from butler.config import loading
from butler.errors import DataError
from butler.ops import service


def install(options: argparse.Namespace) -> int:
    """Check the configuration, then install the service."""
    setup = app.read_setup(options.config)
    here = service.service_here(setup.config)
    show_lines(service.install(here, setup.config, setup.path))
    return OK


def uninstall(options: argparse.Namespace) -> int:
    """Remove the service."""
    show_lines(service.uninstall(service.service_here(loading.read(options.config))))
    return OK


def status(options: argparse.Namespace) -> int:
    """Show what the service manager knows."""
    here = service.service_here(loading.read(options.config))
    service.check_installed(here)
    return _shown(here.status())


def logs(options: argparse.Namespace) -> int:
    """Show the log."""
    here = service.service_here(loading.read(options.config))
    service.check_installed(here)
    return _shown(here.logs(follows=options.follow))


def _shown(command: Sequence[str]) -> int:
    try:
        return OK if subprocess.run(command, check=False).returncode == 0 else FAILED
    except FileNotFoundError:
        raise DataError(f"There is no {command[0]} on this machine.") from None
