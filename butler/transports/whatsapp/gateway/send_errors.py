"""Send errors of the library, and the exception that ends the gateway."""

from enum import Enum

from butler.transports.whatsapp.protocol.frames import Ended

_OFFLINE = ("not connected", "not logged in", "disconnected before info query")
"""The library makes its queries, about devices and keys, before the message leaves."""


class SendError(Exception):
    """A message was not sent; the text is the library's reason."""


class GatewayEnd(Exception):  # noqa: N818 - no error: the way out of all tasks
    """The gateway has to end."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.rule)
        self.ended = ended


class Failure(Enum):
    """The outcome that an error of the library implies."""

    OFFLINE = "nothing left this machine"
    SILENT = "nothing left this machine, as WhatsApp did not answer a query about the chat"
    STALE = "refused, worth one more try"
    REFUSED = "refused"
    UNKNOWN = "outcome unknown"


def failure(error: str) -> Failure:
    """Return the outcome for an error text; when in doubt, the reply may have arrived."""
    if any(sign in error for sign in _OFFLINE):
        return Failure.OFFLINE
    if "info query timed out" in error:
        return Failure.SILENT
    if "server returned error 479" in error:
        return Failure.STALE
    if any(sign in error for sign in ("server returned error", "upload", "not participating")):
        return Failure.REFUSED
    return Failure.UNKNOWN
