"""Standard input and output without blocking the loop, bounded in both directions.

Pipes, terminals and plain files all behave differently under an event loop, so each direction has
a thread that does nothing but the one blocking call.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

MAX_LINE_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_BUFFER_BYTES = 1024 * 1024


class LineReader:
    """The lines of a file descriptor; made and used on the loop.

    At most two chunks of 64 KiB are read ahead of what was taken.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = threading.Semaphore(2)

    async def lines(self) -> AsyncIterator[bytes | None]:
        """Yield each line without its end; None for one of more than 1 MiB."""
        threading.Thread(target=self._read_forever, name="stdin", daemon=True).start()
        splitter = _Splitter()
        while chunk := await self._chunks.get():
            self._room.release()
            for line in splitter.split(chunk):
                yield line
        for line in splitter.end():
            yield line

    def close(self) -> None:
        """End :meth:`lines` after what was read so far."""
        self._chunks.put_nowait(b"")

    def _read_forever(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody wants the rest
            while self._room.acquire() and (chunk := self._read()):
                self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, b"")

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, _CHUNK_BYTES)
        except OSError:  # a terminal that went away; there is nothing more to read
            return b""


class _Splitter:
    """Chunks in, lines out; a line that is too long is dropped as it comes."""

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
    """Bytes to a file descriptor in order, in batches; made and used on the loop.

    Args:
        descriptor: Where they go.
        on_written: Called on the loop, with the number of bytes written in all, after each batch.
        on_broken: Called on the loop, once, when the other side has gone.
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
        self._is_ended = False
        self.queued_bytes = 0
        self.written_bytes = 0
        self.is_broken = False
        self._thread = threading.Thread(target=self._write_forever, name="stdout", daemon=True)
        self._thread.start()

    async def write(self, data: bytes) -> None:
        """Queue ``data``; waits while more than 1 MiB is queued.

        Raises:
            BrokenPipeError: The other side has gone.
        """
        if not self._room.is_set():
            await self._room.wait()
        if self.is_broken:
            raise BrokenPipeError
        self.queued_bytes += len(data)
        self._waiting.append(data)
        self._wake.set()
        if self.queued_bytes - self.written_bytes > _BUFFER_BYTES:
            self._room.clear()

    async def end(self) -> None:
        """Wait until everything is written, or the other side has gone."""
        self._is_ended = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join)
        self._wrote()

    def _write_forever(self) -> None:
        try:
            while self._wake.wait():
                self._wake.clear()
                is_last = self._is_ended
                self._write_waiting()
                if is_last:
                    return
        except OSError:
            self._tell(self._broke)
            self._waiting.clear()

    def _write_waiting(self) -> None:
        while self._waiting:
            batch = memoryview(b"".join(self._waiting.popleft() for _ in range(len(self._waiting))))
            while batch:
                count = os.write(self._descriptor, batch)
                batch = batch[count:]
                self.written_bytes += count
            self._tell(self._wrote)

    def _tell(self, callback: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits for it
            self._loop.call_soon_threadsafe(callback)

    def _wrote(self) -> None:
        if not self.is_broken:
            self._on_written(self.written_bytes)
            self._room.set()

    def _broke(self) -> None:
        self.is_broken = True
        self._room.set()
        self._on_broken()
