"""The proxy of a sandbox without network, which connects only to the listed hosts.

It speaks HTTP/1.1 on a Unix socket: CONNECT for everything encrypted, and plain requests with an
absolute address. It resolves names itself, so the sandbox needs no resolver.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from butler import listed

_MAX_HEAD_BYTES = 65_536
_HEAD_LIMIT_S = 30.0
_CONNECT_LIMIT_S = 30.0
_MAX_CONNECTIONS = 128
_MAX_NAMES = 50
_PIECE_BYTES = 65_536
_USUAL_PORTS = frozenset({80, 443})
_REQUEST = re.compile(rb"([A-Z]{1,16}) (\S{1,8000}) HTTP/1\.[01]\r\n")
_AUTHORITY = re.compile(r"([A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The target of a request; ``onward`` are the first bytes for its host."""

    host: str
    port: int
    onward: bytes = b""

    @property
    def is_tunnel(self) -> bool:
        """Whether it is a CONNECT request."""
        return not self.onward


class NetworkList:
    """The hosts that a run may reach.

    Attributes:
        refused: The number of refused requests by host.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = tuple(hosts)
        self.refused: dict[str, int] = {}

    @property
    def notes(self) -> list[str]:
        """A sentence for the chat on refused hosts, or an empty text."""
        refused = [
            f"{where} ({count} times)" if count > 1 else where
            for where, count in self.refused.items()
        ]
        if not refused:
            return []
        return [f"Refused, because not on this repo's network list: {listed(refused)}."]

    def admits(self, host: str, port: int) -> bool:
        """Return whether a host may be reached; record a refusal."""
        if self._entry(host, port) is not None:
            return True
        where = _named(host, port)
        if where in self.refused or len(self.refused) < _MAX_NAMES:
            self.refused[where] = self.refused.get(where, 0) + 1
        return False

    def admits_address(self, host: str, port: int, address: str) -> bool:
        """Return whether a host may have this address: only a listed one may be this machine."""
        entry = self._entry(host, port) or ""
        is_near = _is_near(address)
        return not is_near or host == "localhost" or entry.partition(":")[0] == address

    def _entry(self, host: str, port: int) -> str | None:
        return next((each for each in self._hosts if _is_meant(each, host, port)), None)


def _named(host: str, port: int) -> str:
    return host if port in _USUAL_PORTS else f"{host}:{port}"


def _is_meant(entry: str, host: str, port: int) -> bool:
    name, _, of_port = entry.partition(":")
    if port not in ({int(of_port)} if of_port else _USUAL_PORTS):
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _is_near(address: str) -> bool:
    at = ipaddress.ip_address(address.partition("%")[0])
    mapped = at.ipv4_mapped if isinstance(at, ipaddress.IPv6Address) else None
    at = mapped or at
    return at.is_loopback or at.is_link_local or at.is_unspecified or at.is_multicast


@asynccontextmanager
async def served(path: Path, hosts: NetworkList) -> AsyncIterator[None]:
    """Serve on a socket at ``path`` while the block lasts."""
    proxy = _Proxy(hosts)
    server = await asyncio.start_unix_server(proxy.connected, path, limit=_MAX_HEAD_BYTES)
    try:
        yield
    finally:
        server.close()
        await proxy.close()


class _Proxy:
    def __init__(self, hosts: NetworkList) -> None:
        self._hosts = hosts
        self._connections: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        if len(self._connections) >= _MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.ensure_future(self._handle(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def close(self) -> None:
        """Close all connections."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_LIMIT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            await self._answer(head, reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client is gone, or sent an invalid request
        finally:
            writer.close()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        wanted = parsed(head)
        if wanted is None:
            _say(writer, "400 Bad Request", "Butler: this is not a proxy request.")
            return
        if not self._hosts.admits(wanted.host, wanted.port):
            where = _named(wanted.host, wanted.port)
            said = f"Butler: {where} is not on this repo's network list."
            _say(writer, "403 Forbidden", said)
            return
        try:
            async with asyncio.timeout(_CONNECT_LIMIT_S):
                there, thither = await self._connect(wanted)
        except (OSError, TimeoutError) as error:
            why = str(error) or "it does not answer"
            _say(writer, "502 Bad Gateway", f"Butler: {wanted.host} cannot be reached: {why}.")
            return
        if wanted.is_tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        thither.write(wanted.onward)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_copy(reader, thither))
                ways.create_task(_copy(there, writer))
        finally:
            thither.close()

    async def _connect(self, wanted: Wanted) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found]
        fit = [a for a in addresses if self._hosts.admits_address(wanted.host, wanted.port, a)]
        if not fit:
            raise OSError("its name resolves to this machine")
        error = OSError("it has no address")
        for address in fit:
            try:
                return await asyncio.open_connection(address, wanted.port, limit=_MAX_HEAD_BYTES)
            except OSError as failed:
                error = failed
        raise error


def parsed(head: bytes) -> Wanted | None:
    """Parse a request; None if it is invalid."""
    match = _REQUEST.match(head)
    if match is None:
        return None
    method, target = match[1], match[2].decode("latin-1")
    if method == b"CONNECT":
        return _at(target, None)
    scheme, _, rest = target.partition("://")
    if scheme.lower() != "http":
        return None
    authority, slash, path = rest.partition("/")
    line = f"{method.decode()} {slash or '/'}{path} HTTP/1.1\r\n".encode("latin-1")
    return _at(authority, line + _own_headers(head[match.end() :]))


def _at(authority: str, onward: bytes | None) -> Wanted | None:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    port = int(match[2] or (443 if onward is None else 80))
    return Wanted(match[1].lower().rstrip("."), port, onward or b"") if port < 65_536 else None


def _own_headers(headers: bytes) -> bytes:
    """Return the headers without those for the proxy, and close the connection after one request.

    A second request could name another host, which would not be checked.
    """
    kept = [
        line
        for line in headers.removesuffix(b"\r\n\r\n").split(b"\r\n")
        if line and not line.lower().startswith((b"proxy-", b"connection:"))
    ]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


def _say(writer: asyncio.StreamWriter, status: str, text: str) -> None:
    body = f"{text}\n".encode()
    writer.write(
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(_PIECE_BYTES):
            target.write(piece)
            await target.drain()
        target.write_eof()
