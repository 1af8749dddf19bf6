"""What the library's errors mean, and the way out of the gateway's tasks."""

from enum import Enum

from butler.transports.whatsapp.protocol.frames import Ended


class SendError(Exception):
    """A message was not sent; the text is the library's reason."""


class GatewayEnd(Exception):  # noqa: N818 - no error: the way out of all tasks
    """The gateway has to end."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.rule)
        self.ended = ended


class Failure(Enum):
    """What an error of the library means."""

    OFFLINE = "nothing left this machine"
    STALE = "refused, worth one more try"
    REFUSED = "refused"
    UNKNOWN = "nobody can say"


def failure(error: str) -> Failure:
    """Return what the text of an error means; when in doubt the reply may have arrived."""
    if "not connected" in error or "not logged in" in error:
        return Failure.OFFLINE
    if "server returned error 479" in error:
        return Failure.STALE
    if any(sign in error for sign in ("server returned error", "upload", "not participating")):
        return Failure.REFUSED
    return Failure.UNKNOWN
