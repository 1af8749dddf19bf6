"""Makes a bot a hub where a Redis is configured; nothing of that is imported where none is."""

from collections.abc import Iterator
from contextlib import contextmanager

from butler.app import ALONE, FleetSide, Setup
from butler.errors import ConfigError


@contextmanager
def side_of(setup: Setup, kind: str = "") -> Iterator[FleetSide]:
    """Yield what makes a bot a hub, or nothing.

    Args:
        setup: The checked configuration.
        kind: Tells this hub from the others of the machine, such as ``console``.

    Raises:
        ConfigError: The Python package redis is not installed.
        DataError: Another process is this hub.
    """
    if setup.config.redis.place is None:
        yield ALONE
        return
    try:
        from butler.ops.fleet import hub_side
    except ImportError as error:
        raise ConfigError(f"[redis] needs: pip install 'butler[redis]' ({error}).") from error
    with hub_side(setup, kind) as side:
        yield side
