"""The front door on 127.0.0.1: an HTTP CONNECT proxy that ends TLS itself.

The bot believes it talks to web.whatsapp.com and to the media hosts through a proxy.
"""

import asyncio
import contextlib
import enum
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from whatsapp_server.timeline import Timeline
from whatsapp_server.web_socket import ClosedError, WebSocket, accept_key

logger = logging.getLogger(__name__)

_LARGEST_HEAD_BYTES = 1 << 20


class Door(enum.Enum):
    """How far a new connection gets."""

    OPEN = "all the way"
    CLOSED = "nobody listens on the port"
    REFUSED = "the proxy answers 503"
    SILENT = "TCP is accepted, then nothing"
    NO_TLS = "the proxy connects, TLS is not answered"
    NO_UPGRADE = "TLS works, the upgrade to a WebSocket is not answered"
    NO_HANDSHAKE = "the WebSocket opens, Noise is not answered"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request inside the tunnel; ``host`` is the target of the tunnel."""

    method: str
    target: str
    headers: dict[str, str]
    host: str = ""
    body: bytes = b""

    @property
    def is_upgrade(self) -> bool:
        """Whether the client wants a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to an HTTP request; a stalling one stops after the first half of the body."""

    status: int
    body: bytes = b""
    is_stalling: bool = False


SocketHandler = Callable[[WebSocket], Awaitable[None]]
RequestHandler = Callable[[Request], Response]


class Proxy:
    """Hands WebSockets to one handler and other requests inside a tunnel to another."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        timeline: Timeline,
        on_socket: SocketHandler,
        on_request: RequestHandler,
    ) -> None:
        self.port = 0
        self.door = Door.OPEN
        self.refusals_left = 0
        self.targets: list[str] = []
        self._tls = tls
        self._timeline = timeline
        self._on_socket = on_socket
        self._on_request = on_request
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The value for HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.port}"

    async def listen(self) -> None:
        """Start to listen; after the first time always on the same port."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def stop_listening(self) -> None:
        """Close the port; connections that exist stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def end_connections(self) -> None:
        """End everything that runs."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cut every connection, however far it got, without a goodbye."""
        for task in list(self._tasks):
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._registered():
            try:
                await self._serve(reader, writer)
            except (ClosedError, OSError, asyncio.IncompleteReadError) as error:
                logger.debug("connection ended: %r", error)
            except asyncio.CancelledError:
                logger.debug("connection cut")
            finally:
                writer.transport.abort()

    @contextlib.contextmanager
    def _registered(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.door is Door.SILENT:
            await self._stall()
        request = await _request_head(reader)
        self.targets.append(request.target)
        if request.method != "CONNECT" or self._refuses():
            self._timeline.note("refused")
            writer.write(_head(503, "Service Unavailable", {"Connection": "close"}))
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if self.door is Door.NO_TLS:
            await self._stall()
        await self._serve_tunnel(writer, request.target.partition(":")[0])

    async def _stall(self) -> None:
        self._timeline.note("stalled", door=self.door.name)
        await asyncio.Event().wait()

    def _refuses(self) -> bool:
        if self.refusals_left:
            self.refusals_left -= 1
            return True
        return self.door is Door.REFUSED

    async def _serve_tunnel(self, writer: asyncio.StreamWriter, host: str) -> None:
        reader = asyncio.StreamReader(limit=_LARGEST_HEAD_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = await asyncio.get_running_loop().start_tls(
            writer.transport, protocol, self._tls, server_side=True
        )
        assert transport is not None
        protocol.connection_made(transport)
        try:
            await self._serve_requests(reader, transport, host)
        except asyncio.CancelledError:
            transport.abort()
            raise
        finally:
            transport.close()

    async def _serve_requests(
        self, reader: asyncio.StreamReader, transport: asyncio.Transport, host: str
    ) -> None:
        while not (request := await _request_head(reader)).is_upgrade:
            body = await reader.readexactly(int(request.headers.get("content-length", 0)))
            whole = Request(request.method, request.target, request.headers, host, body)
            response = self._on_request(whole)
            size = {"Content-Length": str(len(response.body))}
            half = len(response.body) // 2 if response.is_stalling else None
            transport.write(_head(response.status, "Status", size) + response.body[:half])
            if response.is_stalling:
                await self._stall()
        if self.door is Door.NO_UPGRADE:
            await self._stall()
        transport.write(_upgrade(request))
        if self.door is Door.NO_HANDSHAKE:
            await self._stall()
        await self._on_socket(WebSocket(reader, transport))


async def _request_head(reader: asyncio.StreamReader) -> Request:
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Request(method, target, headers)


def _head(status: int, reason: str, headers: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode()


def _upgrade(request: Request) -> bytes:
    key = accept_key(request.headers["sec-websocket-key"]).decode()
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": key}
    return _head(101, "Switching Protocols", upgrade)
