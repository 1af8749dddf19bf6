"""`butler worker`: work for the chats of another machine."""

import argparse

from butler import app
from butler.cli.exit_status import run_to_the_end
from butler.distribution import extra
from butler.errors import ConfigError
from butler.ops.log_setup import configure_log


def main(options: argparse.Namespace) -> int:
    """Work for the hubs with which this machine is paired until a stop signal arrives."""
    return _serve(options, None)


def join(options: argparse.Namespace) -> int:
    """Join a hub by a code, then work for it."""
    return _serve(options, options.code)


def _serve(options: argparse.Namespace, code: str | None) -> int:
    setup = app.read_setup(options.config)
    configure_log(setup)
    if setup.config.redis.place is None:
        raise ConfigError("A worker needs a Redis that its hub reaches, too: set url in [redis].")
    try:
        from butler.ops.worker import serve
    except ImportError as error:
        raise ConfigError(f"[redis] needs: {extra('redis')} ({error}).") from error
    return run_to_the_end(serve(setup, options.name, code))
