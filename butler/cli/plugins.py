"""`butler plugins`: list the installed plugins and their commands."""

import argparse

from butler.app import read_setup
from butler.cli.exit_status import OK
from butler.cli.output import show_lines
from butler.ops import checks


def main(options: argparse.Namespace) -> int:
    """Print a line for each plugin."""
    show_lines(checks.plugin_lines(read_setup(options.config)))
    return OK
