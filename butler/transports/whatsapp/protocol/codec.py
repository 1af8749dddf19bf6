"""Frames as bytes: a length of four bytes, big-endian, then a JSON array of type and fields."""

import asyncio
import json
import struct
from collections.abc import Iterable, Iterator
from typing import get_args

import msgspec

from butler.transports.whatsapp.protocol.frames import Frame

MAX_FRAME_BYTES = 100 * 1024 * 1024
"""Room for a document of which every byte is escaped to six."""
_PIECE_BYTES = 64 * 1024

_LENGTH = struct.Struct(">I")
_TYPES: dict[str, type[Frame]] = {each.__name__: each for each in get_args(Frame)}
_DECODERS: dict[str, msgspec.json.Decoder[Frame]] = {
    name: msgspec.json.Decoder(each) for name, each in _TYPES.items()
}
_ENVELOPE = msgspec.json.Decoder(tuple[str, msgspec.Raw])


class ProtocolError(Exception):
    """The peer sent an invalid frame."""


def encoded(frame: Frame) -> bytes:
    """Encode ``frame`` with its length."""
    body = body_of(frame)
    return _LENGTH.pack(len(body)) + body


def joined(frames: Iterable[Frame]) -> Iterator[bytes]:
    """Encode the frames; join small ones, because each write has a cost."""
    piece = bytearray()
    for frame in frames:
        piece += encoded(frame)
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def body_of(frame: Frame) -> bytes:
    """Encode ``frame`` without its length."""
    named = type(frame).__name__, frame
    try:
        return msgspec.json.encode(named)
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot encode
        return json.dumps(msgspec.to_builtins(named)).encode()


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame; None at the end of the stream.

    Raises:
        ProtocolError: It is invalid.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_FRAME_BYTES:
            raise ProtocolError(f"a frame of {length} bytes")
        return decoded(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def decoded(body: bytes) -> Frame:
    """Decode a frame without its length.

    Raises:
        ProtocolError: It is invalid.
    """
    try:
        name, fields = _ENVELOPE.decode(body)
        return _DECODERS[name].decode(fields)
    except (msgspec.ValidationError, KeyError) as error:
        raise ProtocolError(repr(error)) from error
    except msgspec.DecodeError:
        return _decoded_with_halves(body)


def _decoded_with_halves(body: bytes) -> Frame:
    """Decode a frame whose texts may contain halves of surrogate pairs."""
    try:
        name, fields = json.loads(body)
        return msgspec.convert(fields, _TYPES[name])
    except (ValueError, TypeError, KeyError) as error:
        raise ProtocolError(repr(error)) from error
