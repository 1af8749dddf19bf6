"""Frames as signed bytes.

An envelope is a signature of 32 bytes and a JSON array: version, who to whom, the life and the
epoch of the sender, the life of the receiver, a serial number, and the frames. The key is that of
the worker and its hub and is not in Redis, so whoever can merely write to Redis forges nothing.
As each life of a process is addressed and its serial numbers only rise, nothing can be replayed.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import msgspec

from butler.fleet.frames import Card, ToHub, ToWorker

VERSION = 1
MAX_ENVELOPE_BYTES = 16 * 1024 * 1024
"""Of one envelope; a message of a million characters, escaped, is smaller."""

_SIGNATURE_BYTES = hashlib.sha256().digest_size

FrameT = TypeVar("FrameT")


class WireError(Exception):
    """An envelope is not what it should be; the text says what is wrong."""


class VersionError(WireError):
    """The sender speaks another version; ``version`` is that."""

    def __init__(self, version: int) -> None:
        super().__init__(f"it speaks version {version}, not {VERSION}")
        self.version = version


class StaleError(WireError):
    """An envelope is from, or for, a process that is gone; its sender repeats what matters."""


class Address(NamedTuple):
    """Who sends to whom.

    Attributes:
        sender: The name of the sender.
        receiver: The name of the receiver's stream, such as ``ctl:laptop``.
        life: When the sender's process started, in milliseconds since 1970.
        epoch: The epoch of the worker.
        to_life: The life of the receiver; 0 where that is not known.
        serial: Rises with each envelope of a life.
    """

    sender: str
    receiver: str
    life: int
    epoch: int
    to_life: int
    serial: int


class Envelope(NamedTuple, Generic[FrameT]):
    """An opened envelope."""

    address: Address
    frames: list[FrameT]


_HEAD = msgspec.json.Decoder(list[msgspec.Raw])
_VERSION = msgspec.json.Decoder(int)
_ADDRESS = msgspec.json.Decoder(Address)
_TO_WORKER = msgspec.json.Decoder(list[ToWorker])
_TO_HUB = msgspec.json.Decoder(list[ToHub])
_CARD = msgspec.json.Decoder(list[Card])


def seal(key: bytes, address: Address, frames: Iterable[object]) -> bytes:
    """Return the envelope with these frames."""
    content = VERSION, address, list(frames)
    try:
        body = msgspec.json.encode(content, enc_hook=_left_here)
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot encode
        body = json.dumps(msgspec.to_builtins(content, enc_hook=_left_here)).encode()
    return _signature(key, body) + body


def open_to_worker(key: bytes, data: bytes) -> Envelope[ToWorker]:
    """Return what is in an envelope to a worker.

    Raises:
        WireError: It is forged, altered, too large, or of another version.
    """
    return _opened(key, data, _TO_WORKER, list[ToWorker])


def open_to_hub(key: bytes, data: bytes) -> Envelope[ToHub]:
    """Return what is in an envelope to a hub.

    Raises:
        WireError: It is forged, altered, too large, or of another version.
    """
    return _opened(key, data, _TO_HUB, list[ToHub])


def open_card(key: bytes, data: bytes) -> tuple[Address, Card]:
    """Return the card in an envelope.

    Raises:
        WireError: It is forged, altered, too large, or of another version.
    """
    address, cards = _opened(key, data, _CARD, list[Card])
    if len(cards) != 1:
        raise WireError("it holds no card")
    return address, cards[0]


def sender_of(data: bytes) -> str:
    """Return who claims to have sent an envelope; it is not checked yet.

    Raises:
        WireError: It is too large, no envelope, or of another version.
    """
    return _parsed(data)[1].sender


def _opened(
    key: bytes,
    data: bytes,
    decoder: msgspec.json.Decoder[list[FrameT]],
    kind: type[list[FrameT]],
) -> Envelope[FrameT]:
    if not hmac.compare_digest(data[:_SIGNATURE_BYTES], _signature(key, data[_SIGNATURE_BYTES:])):
        raise WireError("its signature is wrong")
    frames, address = _parsed(data)
    try:
        return Envelope(address, decoder.decode(frames))
    except msgspec.ValidationError as error:
        raise WireError(str(error)) from None
    except msgspec.DecodeError:
        return Envelope(address, _with_halves(frames, kind))


def _parsed(data: bytes) -> tuple[msgspec.Raw, Address]:
    if len(data) > MAX_ENVELOPE_BYTES:
        raise WireError(f"it has {len(data):,} bytes")
    try:
        parts = _HEAD.decode(data[_SIGNATURE_BYTES:])
        version = _VERSION.decode(parts[0])
        if version != VERSION:
            raise VersionError(version)
        _version, address, frames = parts
        return frames, _ADDRESS.decode(address)
    except (msgspec.DecodeError, ValueError, IndexError) as error:
        raise WireError(str(error)) from None


def _with_halves(frames: msgspec.Raw, kind: type[list[FrameT]]) -> list[FrameT]:
    """Decode frames whose texts may contain halves of surrogate pairs."""
    try:
        return msgspec.convert(json.loads(bytes(frames)), kind)
    except (ValueError, TypeError) as error:
        raise WireError(str(error)) from None


def _left_here(value: object) -> None:
    """Leave out the paths of files, which mean nothing on another machine."""
    if not isinstance(value, Path):
        raise TypeError(f"{type(value).__name__} is not for another machine")


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")
