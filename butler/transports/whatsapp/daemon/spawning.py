"""Starts gateway processes. It imports next to nothing, so a daemon can do this first of all."""

import os
import socket
import subprocess
import sys

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

COMMAND = (sys.executable, "-P", "-m", "butler.transports.whatsapp.gateway")
"""Command line of a gateway; its socket's descriptor and the daemon's process id follow."""

_OF_THE_DAEMON = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
"""Variables by which the service manager is reached, see sd_notify(3)."""


class Spawned:
    """A new gateway process, which loads the library and then waits for its first frame.

    Leaving the block kills it if it still runs.

    Attributes:
        process: The process, with a pipe for its output.
        socket: The daemon's end of the connection.
    """

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [*COMMAND, str(theirs.fileno()), str(os.getpid())],
                env={key: os.environ[key] for key in os.environ.keys() - _OF_THE_DAEMON},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
