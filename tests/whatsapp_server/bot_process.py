"""A bot in a process of its own, whose JSON lines a test can wait for."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from whatsapp_server.server import WhatsAppServer
from whatsapp_server.timeline import PATIENCE_S

Event = dict[str, Any]

_ECHO_BOT = Path(__file__).with_name("echo_bot.py")
_LOG_LINES_SHOWN = 20
_LONGEST_LINE_BYTES = 1 << 22


class BotProcess:
    """Starts on entry, is killed on exit; ``folder`` holds its database and its log."""

    def __init__(
        self, server: WhatsAppServer, folder: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.events: list[Event] = []
        self.server = server
        self._environment = {**server.environment(), **(environment or {})}
        self._folder = folder
        self._changed = asyncio.Event()
        self._resources = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        log = self._resources.enter_context((self._folder / "bot.log").open("ab"))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_ECHO_BOT),
            str(self._folder / "bot.sqlite3"),
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            limit=_LONGEST_LINE_BYTES,
        )
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: self._changed.set())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._reader
        await self._resources.aclose()

    async def link(self) -> None:
        """Scan the bot's QR code and wait until the bot knows that it is connected."""
        await self.server.scan((await self.wait("qr"))["qr"])
        await self.wait("connected")

    def mark(self) -> int:
        """Return the present position, for waiting only for what comes after it."""
        return len(self.events)

    def having(self, name: str, **values: object) -> list[Event]:
        """Return the events so far that have this name and these values."""
        wanted = {"event": name, **values}
        return [event for event in self.events if wanted.items() <= _hashable(event).items()]

    async def wait(
        self, name: str, *, timeout_s: float = PATIENCE_S, since: int = 0, **values: object
    ) -> Event:
        """Return the first event after a mark that has this name and these values.

        Raises:
            TimeoutError: There is none; the message lists the events.
            RuntimeError: The bot has ended; the message is the end of its log.
        """
        wanted = {"event": name, **values}
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for event in self.events[since:]:
                        if wanted.items() <= _hashable(event).items():
                            return event
                    if self._reader.done():
                        raise RuntimeError(f"the bot has ended:\n{self._log_end()}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            seen = [event["event"] for event in self.events]
            raise TimeoutError(f"no {wanted} within {timeout_s:g} s; seen: {seen}") from None

    def _log_end(self) -> str:
        lines = (self._folder / "bot.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES_SHOWN:])

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            # The Go library writes to the same file descriptor.
            with contextlib.suppress(ValueError):
                self.events.append(json.loads(line))
                self._changed.set()


def _hashable(event: Event) -> Event:
    return {name: value for name, value in event.items() if not isinstance(value, list)}
