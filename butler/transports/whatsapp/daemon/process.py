"""The gateway process, from its start to its guaranteed end."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from typing import IO, TYPE_CHECKING

from butler.chat.message import Message
from butler.transports.whatsapp.daemon.gateway_log import log_output
from butler.transports.whatsapp.daemon.spawning import Spawned
from butler.transports.whatsapp.protocol.codec import ProtocolError, encoded, read_frame
from butler.transports.whatsapp.protocol.frames import (
    Frame,
    Ignored,
    Incoming,
    Options,
    Ping,
    Pong,
    Send,
    ToGateway,
    Unreadable,
)

if TYPE_CHECKING:
    from subprocess import Popen

logger = logging.getLogger(__name__)

PING_EVERY_S = 10.0
SILENCE_LIMIT_S = 30.0
LAST_BREATH_S = 1.0
"""Grace period to exit by itself after its last frame, so that its exit status is known."""

GRACE_S = 3.0
"""From SIGTERM to SIGKILL."""


class GatewayProcess:
    """A running gateway."""

    def __init__(
        self,
        process: "_Process",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._fault = ""
        self._began_at = self._heard_at = asyncio.get_running_loop().time()

    @property
    def silent_s(self) -> float:
        """For how long it has said nothing, not even in answer to a ping."""
        return asyncio.get_running_loop().time() - self._heard_at

    @property
    def end(self) -> str:
        """How it ended, as the end of a sentence."""
        status = self._process.returncode
        if self._fault or status is None:
            return self._fault or "has not ended"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    @property
    def id(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, frame: ToGateway) -> None:
        """Send a frame; dropped if the gateway has ended."""
        if not self._writer.is_closing():
            data = encoded(frame)
            if logger.isEnabledFor(logging.DEBUG):
                shown = type(frame).__name__, _about(frame), len(data)
                logger.debug("to the gateway: %s%s, %d bytes", *shown)
            self._writer.write(data)

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield frames from the gateway until it ends or is silent for half a minute."""
        pinging = asyncio.create_task(self._ping_forever(), name="gateway-ping")
        has_begun = False
        try:
            while (frame := await self._next()) is not None:
                self._heard_at = asyncio.get_running_loop().time()
                if not has_begun:
                    started_ms = (self._heard_at - self._began_at) * 1000
                    logger.debug("the gateway began to speak after %.0f ms", started_ms)
                    has_begun = True
                if logger.isEnabledFor(logging.DEBUG):
                    logger.debug("from the gateway: %s%s", type(frame).__name__, _about(frame))
                if not isinstance(frame, Pong):
                    yield frame
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_BREATH_S):
                    await self._process.wait()
        finally:
            pinging.cancel()

    async def _next(self) -> Frame | None:
        try:
            async with asyncio.timeout(SILENCE_LIMIT_S):
                return await read_frame(self._reader)
        except TimeoutError:
            self._fault = "stopped answering"
        except ProtocolError as error:
            self._fault = f"sent an invalid frame: {error}"
        self._process.kill()
        return None

    async def _ping_forever(self) -> None:
        while True:
            self.send(Ping())
            await asyncio.sleep(PING_EVERY_S)


def _about(frame: Frame | ToGateway) -> str:
    """Return the message that a frame is about, by the id that it has in the log."""
    match frame:
        case Incoming() | Ignored() | Unreadable():
            return f" of {frame.message.trace}"
        case Send(answers=Message() as answered):
            return f" in answer to {answered.trace}"
    return ""


@asynccontextmanager
async def gateway(
    options: Options, spawned: Spawned | None = None
) -> AsyncIterator[GatewayProcess]:
    """Run a gateway for the duration of the block; the process is dead afterwards.

    Args:
        options: The first frame to it.
        spawned: A process that was started before; by default a new one.
    """
    with spawned or Spawned() as started:
        reader, writer = await asyncio.open_unix_connection(sock=started.socket)
        with closing(writer):
            process = _Process(started.process)
            logger.debug("the gateway is process %d", process.pid)
            logging_task = asyncio.create_task(
                log_output(await _read(started.process.stdout)), name="gateway-log"
            )
            try:
                handle = GatewayProcess(process, reader, writer)
                handle.send(options)
                yield handle
            finally:
                writer.close()
                await _end(process)
                await asyncio.wait([logging_task], timeout=1)
                logging_task.cancel()


class _Process:
    """A process whose end can be awaited, on whatever loop and whenever it was started."""

    def __init__(self, process: "Popen[bytes]") -> None:
        self._process = process
        self.pid = process.pid
        self._loop = asyncio.get_running_loop()
        self._has_ended = asyncio.Event()
        threading.Thread(target=self._watch, name="gateway-end", daemon=True).start()

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def kill(self) -> None:
        self._process.kill()

    async def wait(self) -> None:
        await self._has_ended.wait()

    def _watch(self) -> None:
        self._process.wait()
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._has_ended.set)


async def _read(pipe: IO[bytes] | None) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    return reader


async def _end(process: _Process) -> None:
    if process.returncode is None:
        # Not `terminate`, which would reap a dead process before asyncio does.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await process.wait()
    # Including its own children.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
