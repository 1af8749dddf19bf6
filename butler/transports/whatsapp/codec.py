"""Frames as bytes: four of length, big-endian, then a JSON array of the type's name and fields."""

import asyncio
import json
import struct
from typing import Any, get_args

from butler.message import Message, Person
from butler.transports.whatsapp.frames import Frame, Send
from butler.transports.whatsapp.limits import Limits
from butler.transports.whatsapp.pacing import Pacing

MAX_FRAME_BYTES = 16 * 1024 * 1024

_LENGTH = struct.Struct(">I")
_TYPES: dict[str, type[Frame]] = {each.__name__: each for each in get_args(Frame)}


class ProtocolError(Exception):
    """The other side sent something that is no frame."""


def encoded(frame: Frame) -> bytes:
    """Return the bytes of ``frame``, its length first."""
    body = body_of(frame)
    return _LENGTH.pack(len(body)) + body


def body_of(frame: Frame) -> bytes:
    """Return the bytes of ``frame`` without its length."""
    return _encoder.encode([type(frame).__name__, frame]).encode()


def _fields(value: Any) -> dict[str, Any]:
    """Return the fields of a frame, or of what is in one; ``asdict`` would copy them, too."""
    return {name: getattr(value, name) for name in value.__slots__}


_encoder = json.JSONEncoder(default=_fields)


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame; None at the end of the stream.

    Raises:
        ProtocolError: It is none.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_FRAME_BYTES:
            raise ProtocolError(f"a frame of {length} bytes")
        return decoded(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def decoded(body: bytes) -> Frame:
    """Return the frame whose bytes these are.

    Raises:
        ProtocolError: They are none.
    """
    try:
        name, fields = json.loads(body)
        for key in ("message", "answers"):
            if fields.get(key) is not None:
                fields[key] = _message(**fields[key])
        if "parts" in fields:
            fields["parts"] = tuple(_send(**each) for each in fields["parts"])
        if "limits" in fields:
            fields["limits"] = Limits(**fields["limits"])
        if fields.get("pacing"):
            fields["pacing"] = Pacing(**fields["pacing"])
        return _TYPES[name](**fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(f"no frame: {error!r}") from error


def _send(**fields: Any) -> Send:
    if fields["answers"] is not None:
        fields["answers"] = _message(**fields["answers"])
    return Send(**fields)


def _message(**fields: Any) -> Message:
    fields["sender"] = Person(**fields["sender"])
    fields["mentions"] = tuple(Person(**each) for each in fields["mentions"])
    if fields["quoted_sender"] is not None:
        fields["quoted_sender"] = Person(**fields["quoted_sender"])
    return Message(**fields)
