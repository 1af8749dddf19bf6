"""The server side of a WebSocket (RFC 6455): binary messages only, no extensions."""

import asyncio
import base64
import hashlib

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BINARY, _CLOSE, _PING, _PONG = 2, 8, 9, 10
_LAST_FRAME, _MASKED = 128, 128
_GOING_AWAY = b"\x03\xe8"


class ClosedError(Exception):
    """The connection is over, whoever ended it."""


def accept_key(client_key: str) -> bytes:
    """Return the value that proves the upgrade was understood."""
    digest = hashlib.sha1(client_key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest)


class WebSocket:
    """An upgraded connection."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.Transport) -> None:
        self._reader = reader
        self._transport = transport

    async def receive(self) -> bytes:
        """Return the next message.

        Raises:
            ClosedError: There will be none.
        """
        message = bytearray()
        while True:
            head, payload = await self._receive_frame()
            opcode = head & 15
            if opcode == _CLOSE:
                self._send_frame(_CLOSE, payload[:2])
                raise ClosedError("the client has closed the connection")
            if opcode == _PING:
                self._send_frame(_PONG, payload)
            elif opcode <= _BINARY:
                message += payload
                if head & _LAST_FRAME:
                    return bytes(message)

    def send(self, payload: bytes) -> None:
        """Send one message.

        Raises:
            ClosedError: The connection is over.
        """
        self._send_frame(_BINARY, payload)

    def close(self) -> None:
        """End the connection in an orderly way, if it is open."""
        if not self._transport.is_closing():
            self._send_frame(_CLOSE, _GOING_AWAY)
            self._transport.close()

    async def _receive_frame(self) -> tuple[int, bytes]:
        try:
            head, size = await self._reader.readexactly(2)
            is_masked, size = size & _MASKED, size & 127
            if size >= 126:
                size_bytes = await self._reader.readexactly(2 if size == 126 else 8)
                size = int.from_bytes(size_bytes, "big")
            mask = await self._reader.readexactly(4) if is_masked else b"\0\0\0\0"
            return head, _unmasked(await self._reader.readexactly(size), mask)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ClosedError(str(error)) from None

    def _send_frame(self, opcode: int, payload: bytes) -> None:
        if self._transport.is_closing():
            raise ClosedError("the connection is closing")
        self._transport.write(_frame_head(opcode, len(payload)) + payload)


def _frame_head(opcode: int, size: int) -> bytes:
    if size < 126:
        return bytes((_LAST_FRAME | opcode, size))
    if size < 65_536:
        return bytes((_LAST_FRAME | opcode, 126)) + size.to_bytes(2, "big")
    return bytes((_LAST_FRAME | opcode, 127)) + size.to_bytes(8, "big")


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    plain = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return plain.to_bytes(size, "big")
