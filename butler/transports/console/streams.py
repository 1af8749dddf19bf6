"""Standard input and output without blocking the loop, bounded in both directions.

Pipes, terminals and plain files behave differently under an event loop, so each direction has a
thread for its one blocking call.
"""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

MAX_LINE_BYTES = 1024 * 1024
STOP_LIMIT_S = 1.0
"""Timeout for a stalled reader after a stop signal."""

GATHER_S = 0.002
"""Pause of the writer that lets more output accumulate under load.

Otherwise two busy threads hand the interpreter lock back and forth for every line, which takes
longer than the lines themselves.
"""

_CHUNK_BYTES = 64 * 1024
_WRITE_BYTES = 8 * 1024
_BUFFER_BYTES = 1024 * 1024


class LineReader:
    """Reads lines from a file descriptor; create and use it on the loop.

    It reads ahead by at most two chunks of 64 KiB.

    Attributes:
        is_at_end: All lines were consumed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = threading.Semaphore(2)
        self._is_closed = False
        self.is_at_end = False

    async def lines(self) -> AsyncIterator[bytes | None]:
        """Yield each line without its line break; None for a line over 1 MiB."""
        threading.Thread(target=self._read_forever, name="stdin", daemon=True).start()
        splitter = _Splitter()
        while chunk := await self._chunks.get():
            self._room.release()
            for line in splitter.split(chunk):
                if self._is_closed:
                    return
                yield line
        if self._is_closed:
            return
        for line in splitter.end():
            yield line
        self.is_at_end = True

    def close(self) -> None:
        """End :meth:`lines` at once; discard unconsumed input."""
        self._is_closed = True
        self._chunks.put_nowait(b"")

    def _read_forever(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: discard the rest
            while self._room.acquire() and (chunk := self._read()):
                self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, b"")

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, _CHUNK_BYTES)
        except OSError:  # a terminal that was closed: nothing more to read
            return b""


class _Splitter:
    """Splits chunks into lines; drops a line that is too long while it arrives."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_too_long = False

    def split(self, chunk: bytes) -> list[bytes | None]:
        *ended, self._rest = (self._rest + chunk).split(b"\n")
        lines: list[bytes | None] = [*ended]
        if self._is_too_long and lines:
            lines[0] = None
            self._is_too_long = False
        if len(self._rest) > MAX_LINE_BYTES:
            self._is_too_long = True
        if self._is_too_long:
            self._rest = b""
        return [None if line and len(line) > MAX_LINE_BYTES else line for line in lines]

    def end(self) -> list[bytes | None]:
        if self._is_too_long:
            return [None]
        return [self._rest] if self._rest else []


class LineWriter:
    """Writes bytes to a file descriptor in order, in batches; create and use it on the loop.

    Args:
        descriptor: The file descriptor.
        on_written: Called in the writer thread with the total number of bytes written: after
            every 8 KiB, when the queue is empty, and after each :meth:`nudge`.
        on_broken: Called on the loop, once, when the other side has closed.
    """

    def __init__(
        self,
        descriptor: int,
        on_written: Callable[[int], None] = lambda _total: None,
        on_broken: Callable[[], None] = lambda: None,
    ) -> None:
        self._descriptor = descriptor
        self._on_written = on_written
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._is_ending = False
        self._ended = asyncio.Event()
        self.queued_bytes = 0
        self.written_bytes = 0
        self.is_broken = False
        threading.Thread(target=self._write_forever, name="stdout", daemon=True).start()

    async def write(self, data: bytes) -> None:
        """Queue ``data``; wait while more than 1 MiB is queued.

        Once the other side has closed, data is discarded and does not count as written.
        """
        while not self._room.is_set():
            await self._room.wait()
        self.queued_bytes += len(data)
        if self.is_broken:
            return
        self._waiting.append(data)
        self.nudge()
        if self.queued_bytes - self.written_bytes > _BUFFER_BYTES:
            self._room.clear()

    def nudge(self) -> None:
        """Have ``on_written`` called soon, even if there is nothing to write."""
        # If it is set, the thread has yet to clear it, and looks at what waits after that.
        if not self._wake.is_set():
            self._wake.set()

    async def end(self) -> None:
        """Wait until everything is written, or the other side has closed."""
        self._is_ending = True
        self._wake.set()
        await self._ended.wait()

    def _write_forever(self) -> None:
        try:
            is_last = False
            while not is_last:
                self._wake.wait()
                self._wake.clear()
                is_last = self._is_ending
                self._write_waiting()
                if self._waiting and not self._is_ending:
                    time.sleep(GATHER_S)
        except OSError:
            self._tell(self._broke)
        self._tell(self._ended.set)

    def _write_waiting(self) -> None:
        """Write what waits now; what comes meanwhile has set the event again."""
        told_bytes = self.written_bytes
        batch = memoryview(b"".join(self._waiting.popleft() for _ in range(len(self._waiting))))
        while batch:
            # In small pieces, so that progress of a slow reader is known soon.
            count = os.write(self._descriptor, batch[:_WRITE_BYTES])
            batch = batch[count:]
            self.written_bytes += count
            if self.written_bytes - told_bytes >= _WRITE_BYTES:
                self._on_written(self.written_bytes)
                told_bytes = self.written_bytes
        if not self._room.is_set():
            self._tell(self._room.set)
        self._on_written(self.written_bytes)

    def _tell(self, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is waiting for it
            self._loop.call_soon_threadsafe(callback)

    def _broke(self) -> None:
        self.is_broken = True
        self._waiting.clear()
        self._room.set()
        self._on_broken()


async def ended(reader: LineReader, writer: LineWriter) -> bool:
    """Flush the queue; return whether the other side read everything.

    There is no timeout, unless Butler was asked to stop before the end of the input.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(None if reader.is_at_end else STOP_LIMIT_S):
            await writer.end()
    return not writer.is_broken and writer.written_bytes == writer.queued_bytes
