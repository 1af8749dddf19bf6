"""`butler run`: run the daemon."""

import argparse
import logging

from butler import app
from butler.cli.exit_status import run_to_the_end
from butler.ops import daemon, last_good
from butler.ops.log_setup import configure_log
from butler.transports.event_loop import FreezeAwareLoop

logger = logging.getLogger(__name__)


def main(options: argparse.Namespace) -> int:
    """Serve the linked account until a stop signal arrives."""
    if options.strict:
        setup, news = app.read_setup(options.config), ""
    else:
        setup, news = last_good.read_or_last_good(options.config)
    configure_log(setup)
    if news:
        logger.error("%s", news)
    return run_to_the_end(daemon.serve(setup, news), FreezeAwareLoop)
