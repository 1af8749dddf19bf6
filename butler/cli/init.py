"""`butler init`: write a commented configuration with the repos found nearby."""

import argparse

from butler.cli.exit_status import OK
from butler.cli.output import show
from butler.config import template


def main(options: argparse.Namespace) -> int:
    """Write the file and print its path."""
    show(template.write(options.config) + "\n")
    return OK
