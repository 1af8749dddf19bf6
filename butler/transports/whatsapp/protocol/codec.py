"""Frames as bytes: four of length, big-endian, then a JSON array of the type's name and fields."""

import asyncio
import json
import struct
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic_core import PydanticSerializationError, from_json, to_json

from butler.chat.message import Message, Person
from butler.transports.whatsapp.protocol.frames import Frame, Limits, Pacing, Send

MAX_FRAME_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 64 * 1024

_LENGTH = struct.Struct(">I")
_TYPES: dict[str, type[Frame]] = {each.__name__: each for each in get_args(Frame)}


class ProtocolError(Exception):
    """The other side sent something that is no frame."""


def encoded(frame: Frame) -> bytes:
    """Return the bytes of ``frame``, its length first."""
    body = body_of(frame)
    return _LENGTH.pack(len(body)) + body


def joined(frames: Iterable[Frame]) -> Iterator[bytes]:
    """Yield the bytes of the frames, of small ones many at a time: each write takes its time."""
    piece = bytearray()
    for frame in frames:
        piece += encoded(frame)
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def body_of(frame: Frame) -> bytes:
    """Return the bytes of ``frame`` without its length."""
    named = type(frame).__name__, frame
    try:
        return to_json(named)
    except PydanticSerializationError:  # half of a surrogate pair, which UTF-8 has no form for
        return json.dumps(named, default=_fields).encode()


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


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
        name, fields = _parsed(body)
        for key in ("message", "answers"):
            if fields.get(key) is not None:
                fields[key] = _message(**fields[key])
        if "rows" in fields:
            fields["rows"] = tuple(fields["rows"])
        if "parts" in fields:
            fields["parts"] = tuple(_send(**each) for each in fields["parts"])
        if "limits" in fields:
            fields["limits"] = Limits(**fields["limits"])
        if fields.get("pacing"):
            fields["pacing"] = Pacing(**fields["pacing"])
        return _TYPES[name](**fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(f"no frame: {error!r}") from error


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return json.loads(body)  # takes halves of surrogate pairs, too


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
