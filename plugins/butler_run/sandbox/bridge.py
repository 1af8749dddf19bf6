"""The bridge: forwards a loopback port of a sandbox without network to Butler's proxy.

Started by path with ``python -I -S``::

    bridge.py SOCKET PORT PROGRAM [ARGUMENT...]

It listens on 127.0.0.1:PORT, forwards each connection to the Unix socket, and becomes the program.
The listener is an orphan process, which dies with the sandbox. The program starts before its slow
imports; connections wait for those.
"""

import _socket
import os
import sys

_PIECE_BYTES = 65_536
_BACKLOG = 64


def serve(listening_fd: int, path: str) -> None:
    """Forward every connection, forever."""
    import socket
    import threading

    listening = socket.socket(fileno=listening_fd)
    while True:
        theirs, _ = listening.accept()
        ours = socket.socket(socket.AF_UNIX)
        try:
            ours.connect(path)
        except OSError:
            theirs.close()
            continue
        for pair in ((theirs, ours), (ours, theirs)):
            threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: _socket.socket, target: _socket.socket) -> None:
    try:
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
        target.shutdown(_socket.SHUT_WR)
    except OSError:
        for each in (source, target):
            each.close()


def _become_a_daemon() -> bool:
    """Fork twice; return whether this is the orphan."""
    if child := os.fork():
        os.waitpid(child, 0)
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    return True


def main(arguments: list[str]) -> None:
    """Listen, then become the program in the arguments."""
    path, port, *command = arguments
    listening = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", int(port)))
    listening.listen(_BACKLOG)
    if _become_a_daemon():
        serve(listening.fileno(), path)
    listening.close()
    try:
        os.execvp(command[0], command)  # noqa: S606 - a program with its arguments, no shell
    except OSError as error:
        sys.exit(f"{command[0]} could not be started: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
