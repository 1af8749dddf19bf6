"""`butler version`: what is installed."""

import argparse
import platform
from importlib.metadata import version

from butler import distribution
from butler.cli.exit_status import OK
from butler.cli.output import show


def main(_options: argparse.Namespace) -> int:
    """Print the versions of Butler, Python, and the WhatsApp library."""
    show(
        f"butler {distribution.version()} "
        f"(Python {platform.python_version()}, neonize {version('neonize')})\n"
    )
    return OK


def short(_options: argparse.Namespace) -> int:
    """Print the version, as ``--version`` does everywhere."""
    show(f"butler {distribution.version()}\n")
    return OK
