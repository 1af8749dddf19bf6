"""The control socket: what processes that share a data folder ask of each other.

Each process has one of its own, ``control/<process id>.sock``. A question is one line of JSON, its
answer another one; then the connection is closed.
"""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from butler.errors import UserError
from butler.storage.files import private_folder

logger = logging.getLogger(__name__)

FOLDER_NAME = "control"
MAX_BYTES = 64 * 1024
"""Of a question or an answer."""
TIMEOUT_S = 30.0
MAX_ADDRESS_BYTES = 100

_DESCRIPTORS = Path("/proc/self/fd")

_NO_ANSWER = "The other Butler (process {}) does not answer. Ask there, or end it."
_PEER = struct.Struct("3i")


class Ask(msgspec.Struct, frozen=True, tag="ask", forbid_unknown_fields=True):
    """A question to a plugin of another process; ``text`` is the plugin's own."""

    plugin: str
    text: str


class Answer(msgspec.Struct, frozen=True, tag="answer", forbid_unknown_fields=True):
    """What the plugin replied."""

    text: str


class Refused(msgspec.Struct, frozen=True, tag="refused", forbid_unknown_fields=True):
    """Why there is no answer, as a sentence for the chat."""

    text: str


_question = msgspec.json.Decoder(Ask)
_reply: msgspec.json.Decoder[Answer | Refused] = msgspec.json.Decoder(Answer | Refused)


@asynccontextmanager
async def answering(
    folder: Path, answer: Callable[[str, str], Awaitable[str]]
) -> AsyncIterator[None]:
    """Answer other processes while the block runs; log and go on if there can be no socket.

    Args:
        folder: The data folder.
        answer: Takes a plugin's name and the question, returns the reply.
    """
    with _socket_path(private_folder(folder / FOLDER_NAME), os.getpid()) as path:
        try:
            path.unlink(missing_ok=True)
            server = await asyncio.start_unix_server(_Server(answer).handle, path, limit=MAX_BYTES)
            path.chmod(0o600)
        except OSError as error:
            logger.warning("no control socket in %s: %s", folder / FOLDER_NAME, error)
            yield
            return
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)


class _Server:
    def __init__(self, answer: Callable[[str, str], Awaitable[str]]) -> None:
        self._answer = answer

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _is_own(writer.get_extra_info("socket")):
                async with asyncio.timeout(TIMEOUT_S):
                    reply = await self._replied(await reader.readline())
                    writer.write(msgspec.json.encode(reply) + b"\n")
                    await writer.drain()
        except (OSError, ValueError, TimeoutError) as error:
            logger.warning("a question of another process failed: %s", error)
        finally:
            writer.close()

    async def _replied(self, line: bytes) -> Answer | Refused:
        question = _question.decode(line)
        try:
            return Answer(await self._answer(question.plugin, question.text))
        except UserError as error:
            return Refused(str(error))


async def ask_process(folder: Path, process_id: int, plugin: str, text: str) -> str:
    """Return what a plugin of another process on the data folder replies.

    Raises:
        UserError: It refused, or does not answer.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            with _socket_path(folder / FOLDER_NAME, process_id) as path:
                reply = await _asked(path, Ask(plugin, text))
    except (OSError, ValueError, TimeoutError):
        raise UserError(_NO_ANSWER.format(process_id)) from None
    if isinstance(reply, Refused):
        raise UserError(reply.text)
    return reply.text


async def _asked(path: Path, question: Ask) -> Answer | Refused:
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_BYTES)
    try:
        writer.write(msgspec.json.encode(question) + b"\n")
        return _reply.decode(await reader.readline())
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
