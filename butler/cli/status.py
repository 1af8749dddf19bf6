"""`butler status`: how the daemon and its link to WhatsApp are."""

import argparse

from butler.cli.exit_status import OK
from butler.cli.output import show_lines
from butler.ops import report


def main(options: argparse.Namespace) -> int:
    """Print what there is to say, a line each."""
    show_lines(report.lines(options.config))
    return OK
