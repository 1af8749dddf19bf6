"""The pipes of a child process and the control socket of its reaper, as asyncio protocols."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

_HIGH_WATER_BYTES = 128 * 1024
_TAIL_BYTES = 16 * 1024
_MOST_LINES = 8


class Output(asyncio.Protocol):
    """stdout, with back-pressure."""

    def __init__(self) -> None:
        self._transport: asyncio.ReadTransport | None = None
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._is_over = False
        self._has_news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, see asyncio."""
        assert isinstance(transport, asyncio.ReadTransport)  # noqa: S101 - for the type
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Buffer the data, see asyncio."""
        self._pieces.append(data)
        self._size_bytes += len(data)
        if self._transport and self._size_bytes > _HIGH_WATER_BYTES:
            self._transport.pause_reading()
        self._has_news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Record the end, see asyncio."""
        self._is_over = True
        self._has_news.set()

    async def read(self) -> bytes:
        """Wait for data and return all of it; empty at the end."""
        while not self._pieces and not self._is_over:
            self._has_news.clear()
            await self._has_news.wait()
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._size_bytes = 0
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()
        return data


class Tail(asyncio.Protocol):
    """The tail of stderr."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self._unfinished = b""
        self.listen(lambda _lines: None)

    def listen(self, heard: Callable[[Sequence[str]], None]) -> None:
        """Pass on the lines as they come, of many at once only the last."""
        self._heard = heard

    def data_received(self, data: bytes) -> None:
        """Append the data and drop the oldest, see asyncio."""
        self.kept += data
        del self.kept[:-_TAIL_BYTES]
        *lines, rest = (self._unfinished + data[-_TAIL_BYTES:]).split(b"\n")
        self._unfinished = rest[-_TAIL_BYTES:]
        if lines:
            self._heard([line.decode(errors="replace") for line in lines[-_MOST_LINES:]])


class ReaperLine(asyncio.Protocol):
    """The control socket of the reaper, see its module."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.status: int | None = None
        self.start_errno: int | None = None
        self.is_lost = False
        self.has_started = asyncio.Event()
        self.has_exited = asyncio.Event()
        self.is_gone = asyncio.Event()
        self._transport: asyncio.WriteTransport | None = None
        self._unfinished = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, see asyncio."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - for the type
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Handle the reaper's lines, see asyncio."""
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._note(*line.decode().split())

    def connection_lost(self, exc: Exception | None) -> None:
        """Substitute for a killed reaper, see asyncio."""
        if not self.is_gone.is_set():
            self.is_lost = True
            self._kill()
        for event in (self.has_started, self.has_exited, self.is_gone):
            event.set()

    def end(self) -> None:
        """Tell the reaper to end the run."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(b"end\n")

    def kill(self) -> None:
        """Tell the reaper to kill the run at once."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(b"kill\n")

    def close(self) -> None:
        """Close the socket; the reaper then ends any remaining processes."""
        if self._transport:
            self._transport.close()

    def _note(self, word: str, value: str = "") -> None:
        if word == "started":
            self.pid = int(value)
            self.has_started.set()
        elif word == "unstartable":
            self.start_errno = int(value)
        elif word == "exited":
            self.status = int(value)
            self.has_exited.set()
        elif word == "gone":
            self.is_gone.set()

    def _kill(self) -> None:
        if self.pid is not None and self.status is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
