"""`butler panel`: the owner's panel in the browser."""

import argparse

from butler import logs
from butler.cli.exit_status import run_to_the_end
from butler.distribution import extra
from butler.errors import ConfigError


def main(options: argparse.Namespace) -> int:
    """Serve the panel until a signal."""
    try:
        from butler.web.server import Options, serve
    except ImportError as error:
        raise ConfigError(f"butler panel needs: {extra('panel')} ({error}).") from error
    logs.configure("WARNING")
    how = Options(options.config, not options.no_browser, options.read_only)
    return run_to_the_end(serve(how))
