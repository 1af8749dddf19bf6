"""`butler reload`: let the daemon and the worker read their configuration again."""

import argparse
import asyncio

from butler import app
from butler.cli.exit_status import OK
from butler.cli.output import show_lines
from butler.errors import DataError
from butler.ops.control import ask_process
from butler.ops.reloading import RELOAD, SELF
from butler.ops.report import daemon_process, worker_process


def main(options: argparse.Namespace) -> int:
    """Check the configuration, then let whoever runs here put it into force."""
    folder = app.read_setup(options.config).config.data_dir
    found = [each for each in (daemon_process(folder), worker_process(folder)) if each is not None]
    if not found:
        raise DataError("No Butler runs here. Start it with: butler run")
    for process in found:
        show_lines([asyncio.run(ask_process(folder, process, SELF, RELOAD))])
    return OK
