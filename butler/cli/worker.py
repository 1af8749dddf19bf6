"""`butler worker`: work for the chats of another machine."""

import argparse

from butler import app, logs
from butler.cli.exit_status import run_to_the_end
from butler.errors import ConfigError


def main(options: argparse.Namespace) -> int:
    """Work for the hubs with which this machine is paired until a stop signal arrives."""
    return _serve(options, None)


def join(options: argparse.Namespace) -> int:
    """Join a hub by a code, then work for it."""
    return _serve(options, options.code)


def _serve(options: argparse.Namespace, code: str | None) -> int:
    setup = app.read_setup(options.config)
    log = setup.config.log
    packages = {type(each).__module__.partition(".")[0] for each in setup.plugins.values()}
    levels = {name: level.upper() for name, level in log.loggers.items()}
    logs.configure(log.level.upper(), {"butler", *packages}, levels)
    if setup.config.redis.place is None:
        raise ConfigError("A worker needs a Redis that its hub reaches, too: set url in [redis].")
    try:
        from butler.ops.worker import serve
    except ImportError as error:
        raise ConfigError(f"[redis] needs: pip install 'butler[redis]' ({error}).") from error
    return run_to_the_end(serve(setup, options.name, code))
