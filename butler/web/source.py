"""Where the panel has its knowledge from: the daemon, or a reader of the files while none runs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from butler.config.schema import Config
from butler.core.overview import Overview, RunReport, RunSummary
from butler.errors import DataError, UserError
from butler.ops.control import request_of_process, watched_process
from butler.ops.control_frames import (
    ListRuns,
    Report,
    ReportRun,
    Request,
    Response,
    Runs,
    Said,
    Say,
)
from butler.ops.report import daemon_process
from butler.web.reader import READY

PANEL = "panel"
"""The source of what is written here, as the audit names it."""

END_LIMIT_S = 5.0
_NOBODY = "Butler does not run, so nothing can be done from here. Start it with: butler run"


class Source:
    """Asks whoever knows.

    Args:
        config: The configuration.
        config_path: Its file.
    """

    def __init__(self, config: Config, config_path: Path) -> None:
        self._folder = config.data_dir
        self._config_path = config_path
        self._reader: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()

    @property
    def daemon(self) -> int | None:
        """The id of the daemon's process; None if none runs."""
        return daemon_process(self._folder)

    async def say(self, chat_id: str, text: str) -> Sequence[str]:
        """Let the owner write in a chat; return what answers that.

        Raises:
            UserError: It was refused, or no daemon runs.
        """
        process = self.daemon
        if process is None:
            raise UserError(_NOBODY)
        said = await request_of_process(self._folder, process, Say(chat_id, text, PANEL))
        return said.replies if isinstance(said, Said) else ()

    async def watched(self) -> AsyncIterator[Overview]:
        """Yield what is in progress, again and again, while a daemon runs.

        Raises:
            UserError: It does not answer.
        """
        if (process := self.daemon) is not None:
            async for each in watched_process(self._folder, process):
                yield each

    async def runs(self, limit: int, before: int | None = None) -> Sequence[RunSummary]:
        """Return runs, newest first.

        Raises:
            ButlerError: They cannot be read.
        """
        found = await self._asked(ListRuns(limit, before))
        return found.runs if isinstance(found, Runs) else ()

    async def report(self, number: int) -> RunReport | None:
        """Return a run in full; None if there is none of that number.

        Raises:
            ButlerError: It cannot be read.
        """
        found = await self._asked(ReportRun(number))
        return found.report if isinstance(found, Report) else None

    async def close(self) -> None:
        """End the reader."""
        reader, self._reader = self._reader, None
        if reader is None or reader.stdin is None:
            return
        reader.stdin.close()
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await reader.wait()
        except TimeoutError:
            reader.kill()
            await reader.wait()

    async def _asked(self, request: Request) -> Response:
        process = self.daemon
        if process is None:
            process = await self._reader_process()
        elif self._reader is not None:
            await self.close()
        return await request_of_process(self._folder, process, request)

    async def _reader_process(self) -> int:
        """Return the id of the reader's process, started if need be.

        Raises:
            DataError: It does not start.
        """
        async with self._starting:
            if self._reader is None or self._reader.returncode is not None:
                self._reader = await self._started()
            return self._reader.pid

    async def _started(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        reader = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "butler.web.reader", str(self._config_path)),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        assert reader.stdout is not None and reader.stderr is not None  # noqa: S101, PT018 - pipes
        if (await reader.stdout.readline()).decode().strip() != READY:
            why = (await reader.stderr.read()).decode(errors="replace").strip()
            await reader.wait()
            raise DataError(why or "The files cannot be read.")
        return reader
