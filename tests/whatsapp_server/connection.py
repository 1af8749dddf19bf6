"""One client connection: frames, the Noise handshake, elements in and out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from whatsapp_server.binary_xml import BinaryXml
from whatsapp_server.elements import Element
from whatsapp_server.noise import Authority, Responder, TransportCipher
from whatsapp_server.protobuf import Fields
from whatsapp_server.timeline import Stanza, Timeline
from whatsapp_server.web_socket import ClosedError, WebSocket

_MAGIC = b"WA"
_HEADER_BYTES, _SIZE_BYTES = 4, 3


class Connection:
    """Knows nothing of what the elements mean."""

    def __init__(
        self, socket: WebSocket, authority: Authority, xml: BinaryXml, timeline: Timeline
    ) -> None:
        self.client_key = b""
        self.is_logged_in = False
        self.is_active = False
        self.is_frozen = False
        self._socket = socket
        self._authority = authority
        self._xml = xml
        self._timeline = timeline
        self._buffer = b""
        self._id_count = 0
        self._ciphers: tuple[TransportCipher, TransportCipher] | None = None

    async def handshake(self) -> Fields:
        """Shake hands and return the client's login payload.

        Raises:
            ClosedError: The client is gone, or is none.
        """
        header = await self._take(_HEADER_BYTES)
        if not header.startswith(_MAGIC):
            raise ClosedError(f"unexpected header {header!r}")
        responder = Responder(self._authority, header)
        self._send_frame(responder.hello(await self._frame()))
        payload = responder.finish(await self._frame())
        self.client_key = responder.client_static
        self._ciphers = responder.ciphers()
        self._timeline.note("handshake")
        return payload

    async def elements(self) -> AsyncIterator[Element]:
        """Yield what the client sends.

        Raises:
            ClosedError: The connection is over.
        """
        while self._ciphers:
            element = self._xml.decode(self._ciphers[0].open(await self._frame()))
            self._timeline.stanzas.append(Stanza("in", element))
            if not self.is_frozen:
                yield element

    def send(self, element: Element) -> None:
        """Send an element; to a client that is gone, or while frozen, it is lost."""
        if self.is_frozen or self._ciphers is None:
            return
        self._timeline.stanzas.append(Stanza("out", element))
        with contextlib.suppress(ClosedError):
            self._send_frame(self._ciphers[1].seal(self._xml.encode(element)))

    def close(self) -> None:
        """End the connection in an orderly way."""
        with contextlib.suppress(ClosedError):
            self._socket.close()

    def close_soon(self, after_s: float = 2.0) -> None:
        """End the connection once the client has had time to read what was sent last.

        neonize forgets a stanza that it has not handled when the connection ends.
        """
        asyncio.get_running_loop().call_later(after_s, self.close)

    def next_id(self) -> str:
        """Return an id for a stanza of the server."""
        self._id_count += 1
        return f"server-{self._id_count}"

    async def _frame(self) -> bytes:
        return await self._take(int.from_bytes(await self._take(_SIZE_BYTES), "big"))

    async def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += await self._socket.receive()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _send_frame(self, frame: bytes) -> None:
        self._socket.send(len(frame).to_bytes(_SIZE_BYTES, "big") + frame)
