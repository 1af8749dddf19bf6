"""`butler check`: check everything that the configuration names."""

import argparse

from butler.app import read_setup
from butler.cli.exit_status import OK, WRONG
from butler.cli.output import show_lines
from butler.ops import checks


def main(options: argparse.Namespace) -> int:
    """Print a line for each check; return the exit status."""
    findings = checks.findings(read_setup(options.config))
    show_lines(findings)
    return OK if all(finding.is_fine for finding in findings) else WRONG
