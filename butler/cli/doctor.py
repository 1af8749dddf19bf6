"""`butler doctor`: look at what is alive and what was left behind, and mend what does no harm."""

import argparse

from butler.app import read_setup
from butler.cli.check import show_findings
from butler.ops.doctor import cured, diagnoses


def main(options: argparse.Namespace) -> int:
    """Print a line for each diagnosis, with ``--fix`` after its cure; return the exit status."""
    found = diagnoses(read_setup(options.config))
    return show_findings([cured(each) if options.fix else each.finding for each in found])
