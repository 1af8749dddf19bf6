"""`butler status`: show the state of the daemon and of its link to WhatsApp."""

import argparse

from butler.cli.exit_status import OK
from butler.cli.output import show_lines
from butler.ops import report


def main(options: argparse.Namespace) -> int:
    """Print the status."""
    show_lines(report.lines(options.config))
    return OK
