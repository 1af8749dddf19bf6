"""A child process that dies with its task, together with all its descendants.

A reaper (see its module) between Butler and the program ends all of them, at the end of the block
as well as of Butler.
"""

import asyncio
import logging
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from butler import listed
from butler_run.agents.delays import runner_of
from butler_run.agents.errors import AgentError, LimitReachedError
from butler_run.agents.process.enclosure import UNENCLOSED, Enclosure, Launch
from butler_run.agents.process.lines import LineSplitter
from butler_run.agents.process.orphans import end_marked
from butler_run.agents.process.pipes import Output, ReaperLine, Tail
from butler_run.agents.process.starting import found, start, usual_name

logger = logging.getLogger(__name__)

_VERIFICATION_S = 3.0
_STDERR_LINES = 8
_STDERR_CHARACTERS = 600
_SHELL_SIGNAL = 128


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Limits of a process's output, and the timeouts of its end.

    Attributes:
        output_bytes: Maximum total size of stdout.
        line_bytes: Maximum length of a line.
        quit_grace_s: The time to exit by itself after its input is closed.
        end_interval_s: The time from SIGINT to SIGTERM, and from SIGTERM to SIGKILL.
    """

    output_bytes: int = 50_000_000
    line_bytes: int = 16 * 2**20
    quit_grace_s: float = 2.0
    end_interval_s: float = 2.5


class AgentProcess:
    """A running program. Its stdout can be read once, by one task."""

    def __init__(
        self,
        name: str,
        limits: ProcessLimits,
        variables: frozenset[str] = frozenset(),
        runner: str = "",
    ) -> None:
        self.name = name
        self.runner = runner
        self.token = secrets.token_hex(8)
        self.variables = variables
        self._limits = limits
        self._reaper = ReaperLine()
        self._output = Output()
        self._tail = Tail()
        self._is_boxed = False
        self._child: subprocess.Popen[bytes] | None = None
        self._failure: Exception | None = None
        self._input: asyncio.WriteTransport | None = None
        self._transports: list[asyncio.BaseTransport] = []

    @property
    def pid(self) -> int | None:
        """The process id, which is also the id of its process group."""
        return self._reaper.pid

    @property
    def is_running(self) -> bool:
        """Whether the program is still running."""
        return not self._reaper.has_exited.is_set()

    @property
    def stderr_tail(self) -> str:
        """The last lines of stderr."""
        lines = self._tail.kept.decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-_STDERR_LINES:])[-_STDERR_CHARACTERS:]

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield stdout as it comes.

        Raises:
            LimitReachedError: The program reached the limit of its output or another one.
        """
        left_bytes = self._limits.output_bytes
        while piece := await self._output.read():
            left_bytes -= len(piece)
            if left_bytes < 0:
                raise self._too_much()
            yield piece
        if self._failure is not None:
            raise self._failure

    async def lines(self) -> AsyncIterator[Iterator[str]]:
        """Yield all available lines of stdout at a time, without their line ends.

        Raises:
            LimitReachedError: A line or the whole output exceeds its limit.
        """
        splitter = LineSplitter(self._limits.line_bytes)
        async for piece in self.pieces():
            yield splitter.feed(piece)
        yield splitter.rest()

    def on_stderr(self, heard: Callable[[Sequence[str]], None]) -> None:
        """Pass on the lines of stderr as they come, of many at once only the last."""
        self._tail.listen(heard)

    def write(self, data: bytes) -> None:
        """Write to stdin; ignored after the end of the process."""
        if self._input and not self._input.is_closing():
            self._input.write(data)

    def close_stdin(self) -> None:
        """Close stdin of the program."""
        if self._input and not self._input.is_closing():
            self._input.close()

    async def status(self) -> int:
        """Wait for the program's end and return its exit status; negative for a signal."""
        await self._reaper.has_exited.wait()
        status = self._reaper.status
        if status is None:
            return -signal.SIGKILL
        # A sandbox reports a program that a signal ended as a shell does: 128 + signal.
        return _SHELL_SIGNAL - status if self._is_boxed and status > _SHELL_SIGNAL else status

    async def epitaph(self) -> str:
        """Wait for the program's end and return a sentence on it, with the tail of stderr."""
        status = await self.status()
        if self._reaper.start_errno is not None:
            return f"{self.name} could not be started: {os.strerror(self._reaper.start_errno)}."
        sentence = f"{self.name} {_ended(status)}"
        return f"{sentence}: {self.stderr_tail}" if self.stderr_tail else f"{sentence}."

    def fail(self, error: Exception) -> None:
        """Kill the program and its descendants; reading its output then raises ``error``."""
        self._failure = error
        self._reaper.kill()

    async def end(self) -> None:
        """End the program and its descendants, and return when no process is left.

        Raises:
            AgentError: A process could not be ended.
        """
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(signal.SIGCONT)  # in case its agent has stopped the reaper
        self._reaper.end()
        try:
            async with asyncio.timeout(2 * self._limits.end_interval_s + _VERIFICATION_S):
                await self._reaper.is_gone.wait()
        except TimeoutError:
            await self._end_orphans()
        else:
            if self._reaper.is_lost:
                await self._end_orphans()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.quit()
        await self.end()

    async def quit(self) -> None:
        """Close stdin and give the program a moment to exit by itself."""
        self.close_stdin()
        try:
            async with asyncio.timeout(self._limits.quit_grace_s):
                await self._reaper.has_exited.wait()
        except TimeoutError:
            logger.info("%s kept running after its input was closed", self.name)

    async def connect(
        self, child: subprocess.Popen[bytes], line: socket.socket, *, is_boxed: bool
    ) -> None:
        """Connect to the reaper, its pipes and control socket; return when the program runs."""
        self._is_boxed = is_boxed
        self._child = child
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self._reaper, sock=line)
        for protocol, pipe in ((self._output, child.stdout), (self._tail, child.stderr)):
            transport, _ = await loop.connect_read_pipe(partial(_same, protocol), pipe)
            self._transports.append(transport)
        self._input, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, child.stdin)
        self._transports.append(self._input)
        await self._reaper.has_started.wait()

    async def disconnect(self, child: subprocess.Popen[bytes]) -> None:
        """Close the pipes and release the reaper, which works on until no process is left."""
        self._reaper.close()
        for transport in self._transports:
            transport.close()
        for pipe in (child.stdout, child.stderr, child.stdin)[len(self._transports) :]:
            if pipe is not None:
                pipe.close()
        # Transports close in the next round of the loop.
        await asyncio.sleep(0)
        if self._reaper.is_gone.is_set():
            await asyncio.to_thread(child.wait)
        else:
            threading.Thread(target=child.wait, daemon=True, name="reaping a reaper").start()

    async def _end_orphans(self) -> None:
        """End what a reaper left behind that was killed, or is stopped.

        Raises:
            AgentError: A process could not be ended.
        """
        logger.warning("the reaper of %s is lost; its processes are looked for", self.name)
        left = await asyncio.to_thread(end_marked, self.token, _VERIFICATION_S)
        if left:
            raise AgentError(
                f"{self.name} could not be ended: these of its processes are left: "
                f"{listed(map(str, left))}."
            )

    def _too_much(self) -> LimitReachedError:
        limit_mb = self._limits.output_bytes / 1_000_000
        return LimitReachedError(
            f"{self.name} wrote more than {limit_mb:g} MB of output and was stopped."
        )


def _same(protocol: asyncio.Protocol) -> asyncio.Protocol:
    return protocol


@asynccontextmanager
async def spawned(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limits: ProcessLimits,
    how_to_get: str = "",
    enclosure: Enclosure = UNENCLOSED,
) -> AsyncIterator[AgentProcess]:
    """Run ``command`` in ``folder``; leaving the block ends it and its descendants.

    Args:
        command: The program, found on the PATH of ``environment``, and its arguments.
        folder: Its working folder.
        environment: Its whole environment.
        limits: The limits of its output, and the timeouts of its end.
        how_to_get: A sentence on how to install the program.
        enclosure: The sandbox or limits around it.

    Raises:
        AgentError: The program is not installed, or the folder does not exist.
    """
    program = found(command[0], folder, environment, how_to_get)
    runner = runner_of(tuple(command))
    process = AgentProcess(usual_name(command), limits, frozenset(environment), runner)
    around = enclosure.around((program, *command[1:]), folder=folder, environment=environment)
    async with around as launch:
        started = time.perf_counter()
        child, line = start(launch, process.name, process.token, folder, limits.end_interval_s)
        try:
            await process.connect(child, line, is_boxed=launch.is_boxed)
            logger.debug("%s started as process %s", process.name, process.pid)
            async with process, _watched(process, launch):
                yield process
        finally:
            await process.disconnect(child)
            elapsed_ms = (time.perf_counter() - started) * 1000
            logger.debug("%s was at work for %.0f ms", process.name, elapsed_ms)


@asynccontextmanager
async def _watched(process: AgentProcess, launch: Launch) -> AsyncIterator[None]:
    if launch.watch is None:
        yield
        return
    watch = asyncio.ensure_future(launch.watch(process))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
