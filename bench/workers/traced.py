"""The daemon or the gateway of ``bench/way.py``: as usual, but it notes when it crosses a border.

The notes are in the file that ``$TRACE`` names, with the role as its ending: pairs of a border's
number and the time in nanoseconds. The file is mapped, since a gateway ends without ceremony.
"""

import asyncio
import functools
import mmap
import os
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path
from time import monotonic_ns
from typing import Any, NamedTuple

NOTE = struct.Struct("<qq")
MOST_NOTES = 500_000
COMMIT = 0
_WHATSAPP = "butler.transports.whatsapp"
AS_GATEWAY = f"{_WHATSAPP}.gateway"


class Border(NamedTuple):
    """A function whose call, or whose return, is a border on the way of a message."""

    number: int
    name: str
    module: str
    function: str
    is_at_its_end: bool


GATEWAY = (
    Border(
        1, "the library calls back", f"{_WHATSAPP}.gateway.held_events", "HeldEvents.keep", False
    ),
    Border(2, "in the journal", f"{_WHATSAPP}.gateway.receiving", "Receiver.keep", True),
    Border(3, "to the daemon", f"{_WHATSAPP}.gateway.service", "Service._tell", False),
    Border(9, "the gateway has the reply", f"{_WHATSAPP}.gateway.sending", "Sender.ask", False),
    Border(10, "marked as being sent", f"{_WHATSAPP}.gateway.client", "Client.send", False),
    Border(11, "the library sends", f"{_WHATSAPP}.gateway.client", "Client._sent", False),
    Border(12, "the library returns", f"{_WHATSAPP}.gateway.client", "Client._sent", True),
    Border(14, "the turn is over", f"{_WHATSAPP}.journal.inbox", "Inbox.finish", True),
)
DAEMON = (
    Border(
        4, "the daemon has it", f"{_WHATSAPP}.daemon.transport", "WhatsAppTransport._take", False
    ),
    Border(5, "its turn begins", f"{_WHATSAPP}.daemon.transport", "WhatsAppTransport.begin", False),
    Border(
        6, "the handler answered", f"{_WHATSAPP}.daemon.transport", "WhatsAppTransport.send", False
    ),
    Border(7, "the records are written", "butler.records.sqlite", "SqliteRecords.flushed", True),
    Border(8, "to the gateway", f"{_WHATSAPP}.daemon.delivery", "Delivery._hand_over", True),
)
_COMMITS = tuple(
    Border(COMMIT, "a commit", "butler.storage.sqlite", f"Database.{each}", True)
    for each in ("change", "write", "transaction")
)


class _Trace:
    def __init__(self, path: Path) -> None:
        with path.open("w+b") as file:
            file.truncate(MOST_NOTES * NOTE.size)
            self._notes = mmap.mmap(file.fileno(), 0)
        self._places = count(0, NOTE.size)

    def note(self, border: int) -> None:
        NOTE.pack_into(self._notes, next(self._places), border, monotonic_ns())

    def watch(self, border: Border) -> None:
        owner: Any = import_module(border.module)
        *classes, name = border.function.split(".")
        for each in classes:
            owner = getattr(owner, each)
        setattr(owner, name, self._noting(getattr(owner, name), border))

    def _noting(self, function: Callable[..., Any], border: Border) -> Callable[..., Any]:
        note, number = self.note, border.number

        @functools.wraps(function)
        def at_its_beginning(*args: Any, **kwargs: Any) -> Any:
            note(number)
            return function(*args, **kwargs)

        @functools.wraps(function)
        def at_its_end(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            note(number)
            return result

        @functools.wraps(function)
        async def at_its_end_later(*args: Any, **kwargs: Any) -> Any:
            result = await function(*args, **kwargs)
            note(number)
            return result

        if not border.is_at_its_end:
            return at_its_beginning
        return at_its_end_later if asyncio.iscoroutinefunction(function) else at_its_end


def be_gateway() -> None:
    """Serve a daemon, as its arguments say."""
    from butler.transports.whatsapp.gateway import __main__, installation, unused_imports

    sys.argv.remove(AS_GATEWAY)
    installation.check()
    unused_imports.leave_out()
    _watch("gateway", *GATEWAY, *_COMMITS)
    __main__.main()


def be_daemon(config: Path) -> None:
    """Do what ``butler run`` does, without pacing."""
    from butler.app import read_setup
    from butler.ops import daemon
    from butler.transports.event_loop import FreezeAwareLoop
    from butler.transports.whatsapp.daemon import spawning

    _watch("daemon", *DAEMON, *_COMMITS)
    daemon.Pacing = lambda *_limits: None
    spawning.COMMAND = (sys.executable, __file__, AS_GATEWAY)
    with asyncio.Runner(loop_factory=FreezeAwareLoop) as runner:
        runner.run(daemon.serve(read_setup(config)))


def _watch(role: str, *borders: Border) -> None:
    trace = _Trace(Path(f"{os.environ['TRACE']}.{role}"))
    for each in borders:
        trace.watch(each)


if __name__ == "__main__":
    if AS_GATEWAY in sys.argv:
        be_gateway()
    else:
        be_daemon(Path(sys.argv[-1]))
