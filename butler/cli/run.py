"""`butler run`: run the daemon."""

import argparse

from butler.cli.exit_status import run_to_the_end
from butler.transports.whatsapp import Spawned

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from butler.app import Setup


def main(options: argparse.Namespace) -> int:
    """Serve the linked account until a stop signal arrives."""
    # First of all: loading the library takes as long as everything else here.
    with Spawned() as gateway:
        from butler.ops import daemon
        from butler.transports.event_loop import FreezeAwareLoop

        setup, news = _read(options)
        return run_to_the_end(daemon.serve(setup, news, gateway), FreezeAwareLoop)


def _read(options: argparse.Namespace) -> "tuple[Setup, str]":
    """Return the configuration, with what its owner has to be told of it."""
    import logging

    from butler import app
    from butler.ops import last_good
    from butler.ops.log_setup import configure_log

    if options.strict:
        setup, news = app.read_setup(options.config), ""
    else:
        setup, news = last_good.read_or_last_good(options.config)
    configure_log(setup)
    if news:
        logging.getLogger(__name__).error("%s", news)
    return setup, news
