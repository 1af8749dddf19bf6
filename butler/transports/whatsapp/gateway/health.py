"""What the gateway tells the daemon of the link besides its connection."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from butler.transports.whatsapp.protocol.frames import Health


class HealthReport:
    """The last report; a new one is sent only if something has changed.

    Args:
        post: Sends it to the daemon.
    """

    def __init__(self, post: Callable[[Health], None]) -> None:
        self._post = post
        self._last = Health()

    def update(self, **changes: Any) -> None:
        """Report these fields of ``Health`` as they are now."""
        new = replace(self._last, **changes)
        if new != self._last:
            self._last = new
            self._post(new)
