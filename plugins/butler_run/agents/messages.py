"""JSON objects, one a line, as agents write them."""

import json
from collections.abc import AsyncIterator
from typing import Any

from butler_run.agents.errors import AgentError
from butler_run.agents.process import AgentProcess
from butler_run.agents.texts import on_one_line

_MAX_STRAY_LINES = 20


class Messages:
    """The messages of a process; the odd line that is none is skipped.

    Attributes:
        stray: The first line that was no message, shortened.
    """

    def __init__(self, process: AgentProcess) -> None:
        self.stray = ""
        self._process = process
        self._stray_lines = 0

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the messages.

        Raises:
            AgentError: The process writes something else, or too much.
        """
        async for line in self._process.lines():
            message = _object(line)
            if message is not None:
                self._stray_lines = 0
                yield message
            elif line.strip():
                self._skip(line)

    async def epitaph(self) -> str:
        """Wait for the end of the process and return a sentence on it."""
        epitaph = await self._process.epitaph()
        return f"{epitaph} It wrote: {self.stray}" if self.stray else epitaph

    def _skip(self, line: bytes) -> None:
        self.stray = self.stray or on_one_line(line[:2000].decode(errors="replace"))
        self._stray_lines += 1
        if self._stray_lines > _MAX_STRAY_LINES:
            raise AgentError(
                f"{self._process.name} does not speak the protocol it should; "
                f"it wrote: {self.stray}"
            )


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line.decode())
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
