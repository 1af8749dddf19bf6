"""Holds the library up before it confirms a message that it cannot store.

It confirms such a message, and asks its sender for it again, in two goroutines. If the process ends
between the two, the message is lost. But first it logs the failure, and waits for the log
(whatsmeow, message.go).
"""

import threading
from collections.abc import Callable
from pathlib import Path

from butler.transports.whatsapp.gateway.disk_space import lack
from butler.transports.whatsapp.protocol.frames import Ended

FAILURE = "Error decrypting message"
_NEVER = threading.Event()


class StorageGuard:
    """Follows the library's log.

    Args:
        folder: The folder of the gateway and the library.
        stall: Ends the gateway; called on a thread of the library.
        is_stalled: Whether the gateway is about to end.
        hold: Never returns; WhatsApp keeps this message, and all that would come after it.
    """

    def __init__(
        self,
        folder: Path,
        stall: Callable[[Ended], None],
        is_stalled: Callable[[], bool],
        hold: Callable[[], object] = _NEVER.wait,
    ) -> None:
        self._folder = folder
        self._stall = stall
        self._is_stalled = is_stalled
        self._hold = hold

    def on_log(self, line: str) -> None:
        """Let the library go on after this line, unless it would confirm what is not stored."""
        if not line.startswith(FAILURE):
            return
        if not self._is_stalled():
            if (ended := lack(self._folder)) is None:
                return
            self._stall(ended)
        self._hold()
