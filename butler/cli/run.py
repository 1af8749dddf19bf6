"""`butler run`: run the daemon."""

import argparse

from butler import app, logs
from butler.cli.exit_status import run_to_the_end
from butler.ops import daemon
from butler.transports.event_loop import FreezeAwareLoop


def main(options: argparse.Namespace) -> int:
    """Serve the linked account until a stop signal arrives."""
    setup = app.read_setup(options.config)
    log = setup.config.log
    packages = {type(each).__module__.partition(".")[0] for each in setup.plugins.values()}
    levels = {name: level.upper() for name, level in log.loggers.items()}
    logs.configure(log.level.upper(), {"butler", *packages}, levels)
    return run_to_the_end(daemon.serve(setup), FreezeAwareLoop)
