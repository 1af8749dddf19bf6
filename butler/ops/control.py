"""The control socket: what processes that share a data folder ask of each other.

Each process has one of its own, ``control/<process id>.sock``. A request is one line of JSON, its
response another one; then the connection is closed. Only who watches gets line after line.
"""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from butler.core.overview import Overview
from butler.errors import ButlerError, UserError
from butler.ops.control_frames import (
    Answer,
    Ask,
    ListRuns,
    Refused,
    Report,
    ReportRun,
    Request,
    Response,
    Runs,
    Said,
    Say,
    Seen,
    Watch,
    line_of,
    request_of,
    response_of,
)
from butler.ops.door import CLOSED, Door
from butler.storage.files import private_folder

logger = logging.getLogger(__name__)

FOLDER_NAME = "control"
MAX_BYTES = 64 * 1024
"""Of a request."""

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
LOOK_EVERY_S = 0.3
SEEN_EVERY_S = 5.0
"""Who watches gets a line this often without a change, too, and sees that the process lives."""
TIMEOUT_S = 30.0
SAY_LIMIT_S = 150.0
"""For a message: a turn has a timeout of its own, which is less."""

MAX_ADDRESS_BYTES = 100

_DESCRIPTORS = Path("/proc/self/fd")

_NO_ANSWER = "The other Butler (process {}) does not answer. Ask there, or end it."
_PEER = struct.Struct("3i")


@asynccontextmanager
async def answering(
    folder: Path, answer: Callable[[str, str], Awaitable[str]], door: Door = CLOSED
) -> AsyncIterator[None]:
    """Answer other processes while the block runs; log and go on if there can be no socket.

    Args:
        folder: The data folder.
        answer: Takes a plugin's name and the question, returns the reply.
        door: What a panel may see and do.
    """
    handler = _Server(answer, door)
    with _socket_path(private_folder(folder / FOLDER_NAME), os.getpid()) as path:
        try:
            path.unlink(missing_ok=True)
            server = await asyncio.start_unix_server(handler.handle, path, limit=MAX_BYTES)
            path.chmod(0o600)
        except OSError as error:
            logger.warning("no control socket in %s: %s", folder / FOLDER_NAME, error)
            yield
            return
        try:
            yield
        finally:
            server.close()
            await handler.end()
            with suppress(OSError):  # by now its disk may be read-only, or its folder gone
                path.unlink()


class _Server:
    def __init__(self, answer: Callable[[str, str], Awaitable[str]], door: Door) -> None:
        self._answer = answer
        self._door = door
        self._watching: dict[asyncio.Task[None], asyncio.Event] = {}

    async def end(self) -> None:
        """Let nobody watch any longer."""
        watching = dict(self._watching)
        for task, is_closed in watching.items():
            task.cancel()
            await is_closed.wait()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _is_own(writer.get_extra_info("socket")):
                async with asyncio.timeout(TIMEOUT_S):
                    request = request_of.decode(await reader.readline())
                if isinstance(request, Watch):
                    await self._watched(reader, writer)
                    return
                async with asyncio.timeout(_limit_s(request)):
                    writer.write(line_of(await self._response(request)))
                    await writer.drain()
        except (OSError, ValueError, TimeoutError) as error:
            logger.warning("a question of another process failed: %s", error)
        finally:
            writer.close()

    async def _response(self, request: Request) -> Response:
        try:
            match request:
                case Ask():
                    return Answer(await self._answer(request.plugin, request.text))
                case Say():
                    said = await self._door.say(request.chat_id, request.text, request.source)
                    return Said(said)
                case ListRuns():
                    return Runs(await self._door.runs(request.limit, request.before))
                case ReportRun():
                    return Report(await self._door.report(request.number))
                case Watch():
                    return Seen(self._door.overview())
        except ButlerError as error:
            return Refused(str(error))

    async def _watched(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._show_forever(reader, writer), name="watched")
        is_closed = self._watching[task] = asyncio.Event()
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            del self._watching[task]
            is_closed.set()
        if not task.cancelled():
            task.result()

    async def _show_forever(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Show what is in progress until the other side has gone, or is too slow to read it."""
        shown, left_s = None, 0.0
        while not reader.at_eof():
            seen = self._door.overview()
            if seen != shown or left_s <= 0:
                shown, left_s = seen, SEEN_EVERY_S
                writer.write(line_of(Seen(seen)))
                async with asyncio.timeout(SEEN_EVERY_S):
                    await writer.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await reader.read(1)
            left_s -= LOOK_EVERY_S


def _limit_s(request: Request) -> float:
    return SAY_LIMIT_S if isinstance(request, Say) else TIMEOUT_S


async def ask_process(folder: Path, process_id: int, plugin: str, text: str) -> str:
    """Return what a plugin of another process on the data folder replies.

    Raises:
        UserError: It refused, or does not answer.
    """
    response = await request_of_process(folder, process_id, Ask(plugin, text))
    return response.text if isinstance(response, Answer) else ""


async def request_of_process(folder: Path, process_id: int, request: Request) -> Response:
    """Return the response of another process on the data folder.

    Raises:
        UserError: It refused, or does not answer.
    """
    try:
        async with asyncio.timeout(_limit_s(request)), _connected(folder, process_id) as streams:
            reader, writer = streams
            writer.write(line_of(request))
            response = response_of.decode(await reader.readline())
    except (OSError, ValueError, TimeoutError):
        raise UserError(_NO_ANSWER.format(process_id)) from None
    if isinstance(response, Refused):
        raise UserError(response.text)
    return response


async def watched_process(folder: Path, process_id: int) -> AsyncIterator[Overview]:
    """Yield what is in progress in another process, again and again, until it ends.

    Raises:
        UserError: It does not answer.
    """
    try:
        async with _connected(folder, process_id) as (reader, writer):
            writer.write(line_of(Watch()))
            while True:
                async with asyncio.timeout(2 * SEEN_EVERY_S):
                    line = await reader.readline()
                if not line:
                    return
                response = response_of.decode(line)
                if isinstance(response, Seen):
                    yield response.overview
    except (OSError, ValueError, TimeoutError):
        raise UserError(_NO_ANSWER.format(process_id)) from None


@asynccontextmanager
async def _connected(
    folder: Path, process_id: int
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    with _socket_path(folder / FOLDER_NAME, process_id) as path:
        reader, writer = await asyncio.open_unix_connection(path, limit=MAX_RESPONSE_BYTES)
    try:
        yield reader, writer
    finally:
        writer.close()


@contextmanager
def _socket_path(folder: Path, process_id: int) -> Iterator[Path]:
    """Yield the path of a process's socket; it holds while the block runs.

    The address of a socket has room for about a hundred bytes, see unix(7), so a folder with a
    longer path is named by its descriptor where the system has names for those.
    """
    path = folder / f"{process_id}.sock"
    if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES or not _DESCRIPTORS.is_dir():
        yield path
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _DESCRIPTORS / str(descriptor) / path.name
    finally:
        os.close(descriptor)


def _is_own(connection: socket.socket) -> bool:
    """Return whether the other end is of the same user, where the system tells."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the folder is private
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _process_id, user_id, _group_id = _PEER.unpack(peer)
    return bool(user_id == os.getuid())
