"""`butler run`: run the daemon."""

import argparse

from butler import app, logs
from butler.cli.exit_status import run_to_the_end
from butler.ops import daemon


def main(options: argparse.Namespace) -> int:
    """Serve the linked account until a stop signal arrives."""
    setup = app.read_setup(options.config)
    logs.configure(setup.config.log.level.upper())
    return run_to_the_end(daemon.serve(setup))
