"""Exit reasons of the gateway, as sentences for the operator."""

import re

from neonize.proto.Neonize_pb2 import ConnectFailure, PairStatus, TemporaryBan

from butler.chat.text import duration
from butler.transports.whatsapp.protocol import frames
from butler.transports.whatsapp.protocol.frames import Ended

NOT_LINKED = Ended(
    "not linked", "No WhatsApp account is linked. Link one with: butler pair", is_final=True
)
LOGGED_OUT = Ended(
    frames.LOGGED_OUT,
    "WhatsApp has logged this device out: it was removed on the phone, or the account was closed. "
    "Link it again with: butler pair",
    is_final=True,
)
REPLACED = Ended(
    "replaced",
    "Another process uses the same WhatsApp session and has taken over the connection. "
    "End that process, then start this one again.",
    is_final=True,
)
OUTDATED = Ended(
    "outdated",
    "WhatsApp says that this client is too old. Install a newer version of neonize.",
    is_final=True,
)
UNREACHABLE = Ended("unreachable", "WhatsApp could not be reached for a minute.")
STUCK = Ended("stuck", "The WhatsApp library stopped answering.")
UNANSWERED = Ended(frames.UNANSWERED, "WhatsApp did not acknowledge a message in time.")
PUMP_ENDED = Ended("broken", "The WhatsApp library stopped delivering events.")

_BANS = {
    TemporaryBan.SEND_TO_TOO_MANY_PEOPLE: "it wrote to too many people who do not know it",
    TemporaryBan.BLOCKED_BY_USERS: "too many people have blocked it",
    TemporaryBan.CREATED_TOO_MANY_GROUPS: "it created too many groups",
    TemporaryBan.SENT_TOO_MANY_SAME_MESSAGE: "it sent the same message too often",
    TemporaryBan.BROADCAST_LIST: "it used broadcast lists too much",
}
_DIALLING = re.compile(r'failed to dial whatsapp .*? Get "[^"]*": ')
"""The library lists each of its steps before the actual error."""

_REFUSAL_WAIT_S = 600.0
_PAIRING = {
    "timeout": Ended("timeout", "The code was not used in time."),
    "passkey-request": Ended(
        "passkey",
        "WhatsApp asks this account for a passkey before it links a device, and the library that "
        "Butler uses does not support that. This account cannot be linked as long as WhatsApp "
        "asks for one; try again another day, or use another account.",
        is_final=True,
    ),
    "err-client-outdated": OUTDATED,
    "err-scanned-without-multidevice": Ended(
        "refused",
        "The phone's WhatsApp is too old for linked devices. Update it and try again.",
        is_final=True,
    ),
}


def not_started(reason: str) -> Ended:
    """Return the exit reason for a failed first connection."""
    return Ended("unreachable", f"WhatsApp could not be reached: {_DIALLING.sub('', reason)}.")


def suspended(seconds: float) -> Ended:
    """Return the exit reason for a connection that was suspended for ``seconds``."""
    return Ended(
        "suspended", f"This machine or process stood still for {duration(seconds)}: reconnecting."
    )


def banned(event: bytes) -> Ended:
    """Return the exit reason for a temporary ban."""
    ban = TemporaryBan.FromString(event)
    reason = _BANS.get(ban.Code, f"reason {ban.Code}")
    sentence = f"WhatsApp has banned the account for {duration(ban.Expire)}, because {reason}."
    return Ended("banned", sentence, wait_s=float(ban.Expire))


def refused(event: bytes) -> Ended:
    """Return the exit reason for a refused login."""
    failure = ConnectFailure.FromString(event)
    reason = failure.Message or f"reason {failure.Reason}"
    sentence = f"WhatsApp has refused the login ({reason})."
    return Ended("refused", sentence, wait_s=_REFUSAL_WAIT_S)


def linking(status: str) -> Ended | None:
    """Return the exit reason for a step of linking; None if linking continues."""
    if status in _PAIRING:
        return _PAIRING[status]
    if status.startswith("err") or status == "error":
        return Ended("refused", f"WhatsApp did not link the device: {status}.", is_final=True)
    return None


def pairing(event: bytes) -> Ended | None:
    """Return the exit reason for a PairStatus; None if the device is linked."""
    status = PairStatus.FromString(event)
    if status.Status == PairStatus.SUCCESS:
        return None
    reason = status.Error or "no reason given"
    return Ended("refused", f"WhatsApp did not link the device: {reason}.", is_final=True)


def not_logged_out(reason: str) -> Ended:
    """Return the exit reason for a device that WhatsApp did not log out."""
    return Ended("refused", f"WhatsApp did not unlink the device: {reason}.")


def no_code(reason: str) -> Ended:
    """Return the exit reason for a refused pairing code."""
    return Ended("refused", f"WhatsApp gave no pairing code: {reason}.", is_final=True)
