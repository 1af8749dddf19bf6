"""`butler init`: a commented configuration with the repos found around here."""

import argparse

from butler.cli.exit_status import OK
from butler.cli.output import show
from butler.config import template


def main(options: argparse.Namespace) -> int:
    """Write the file and say where it is."""
    show(template.write(options.config) + "\n")
    return OK
