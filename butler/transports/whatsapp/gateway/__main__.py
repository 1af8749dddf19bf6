"""The gateway process: the only one that loads neonize, to contain its crashes and leaks.

It exits whenever a plain reconnect does not help; the daemon restarts it.
"""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from butler import logs
from butler.errors import DataError, TransportError
from butler.storage.files import private_folder
from butler.transports.event_loop import FreezeAwareLoop
from butler.transports.whatsapp.account import read_account
from butler.transports.whatsapp.gateway import installation, unused_imports
from butler.transports.whatsapp.gateway.disk_space import damage, lack, unusable
from butler.transports.whatsapp.gateway.library_log import is_news
from butler.transports.whatsapp.journal.database import FILE_NAME, Journal
from butler.transports.whatsapp.protocol.codec import ProtocolError, encoded, read_frame
from butler.transports.whatsapp.protocol.frames import Ended, Options

logger = logging.getLogger(__name__)

THREADS = 32
"""The connection keeps one for good, and each call that is stuck another."""

FAREWELL_S = 2.0
WATCH_EVERY_S = 1.0
ORPHAN_LIMIT_S = 5.0
_PR_SET_PDEATHSIG = 1


def main() -> NoReturn:
    """Serve the daemon over the socket whose descriptor is the first argument."""
    os.umask(0o077)
    descriptor, daemon = map(int, sys.argv[1:])
    _end_with(daemon)
    _configure_log("WARNING")
    problem = _load_library()
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=FreezeAwareLoop) as runner:
        runner.run(_serve(descriptor, problem))
    os._exit(1)


def _load_library() -> TransportError | None:
    """Import neonize, which takes long, while the daemon prepares; return why it cannot be used."""
    try:
        installation.check()
    except TransportError as problem:
        return problem
    unused_imports.leave_out()
    import_module("butler.transports.whatsapp.gateway.service")
    logging.getLogger("neonize.utils.log").setLevel(logging.WARNING)
    # It warns that ffmpeg is missing, which only media need.
    logging.getLogger("neonize.utils.ffmpeg").setLevel(logging.ERROR)
    return None


def _configure_log(level: str) -> None:
    """Write the log for the daemon, which reads it line by line."""
    logs.configure(level, target=logs.Target(is_json=True))
    for handler in logging.getLogger().handlers:
        handler.addFilter(is_news)


def _end_with(daemon: int) -> None:
    """Exit when the daemon is gone: cleanly if the loop responds, else by force."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    threading.Thread(target=_watch, args=(daemon,), name="watch", daemon=True).start()


def _watch(daemon: int) -> None:
    while os.getppid() == daemon:
        time.sleep(WATCH_EVERY_S)
    time.sleep(ORPHAN_LIMIT_S)
    os._exit(1)


async def _serve(descriptor: int, problem: TransportError | None) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="library"))
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor))
    ended = await _serve_daemon(reader, writer, problem)
    if ended is not None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                writer.write(encoded(ended))
                await writer.drain()
    # Go may neither return from stop() nor let the interpreter end.
    os._exit(0)


async def _serve_daemon(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, problem: TransportError | None
) -> Ended | None:
    try:
        options = await read_frame(reader)
        if not isinstance(options, Options):
            return None
        _configure_log(options.log_level)
        if problem is not None:
            raise problem
        folder = Path(options.folder)
        # First, so that a disk that fails is not taken for a folder of somebody else, and one that
        # has vanished is not made again.
        if _is_of_earlier(folder, options) and (ended := lack(folder)) is not None:
            return ended
        private_folder(folder)
        if (ended := damage(folder)) is not None:
            return ended
        # Never closed: the library may deliver messages until the process ends.
        journal = Journal(folder / FILE_NAME)
        return await _serve_account(options, journal, reader, writer)
    except TransportError as error:
        return Ended("unusable", str(error), is_final=True)
    except DataError as error:
        return unusable(error)
    except ProtocolError:
        logger.exception("the daemon sent an invalid frame")
        return None


def _is_of_earlier(folder: Path, options: Options) -> bool:
    """Return whether the folder is not to be made by this process."""
    return folder.is_dir() or not (options.is_pairing or folder.exists())


async def _serve_account(
    options: Options,
    journal: Journal,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> Ended | None:
    account = await asyncio.to_thread(read_account, Path(options.folder))
    # Imported here: it must not happen before the installation is checked.
    from butler.transports.whatsapp.gateway.service import Service

    if cut_short := journal.outbox.recover():
        logger.warning("%d replies were interrupted; whether they arrived is unknown", cut_short)
    service = Service(options, journal, account, reader, writer)
    return await service.run()


if __name__ == "__main__":
    main()
