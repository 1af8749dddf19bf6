"""Makes a bot a hub where a Redis is configured; nothing of that is imported where none is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from butler.app import ALONE, FleetSide, Setup
from butler.distribution import extra
from butler.errors import ConfigError


class NoteWorker(Protocol):
    """Takes notice of a worker."""

    def __call__(self, name: str, *, is_away: bool) -> None:
        """Take notice that it has gone, or is back."""


def ignore(name: str, *, is_away: bool) -> None:
    """Take no notice."""


@contextmanager
def side_of(setup: Setup, kind: str = "", note_worker: NoteWorker = ignore) -> Iterator[FleetSide]:
    """Yield what makes a bot a hub, or nothing.

    Args:
        setup: The checked configuration.
        kind: Tells this hub from the others of the machine, such as ``console``.
        note_worker: Called with a worker that has gone or is back.

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
        raise ConfigError(f"[redis] needs: {extra('redis')} ({error}).") from error
    with hub_side(setup, kind, note_worker) as side:
        yield side
