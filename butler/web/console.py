"""The bot behind "Try it": a console process that speaks JSON lines."""

import asyncio
import json
import logging
import sys
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from butler.errors import TransportError
from butler.web.changing import Changing

logger = logging.getLogger(__name__)

KEPT = 200
END_LIMIT_S = 5.0
_LINE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message in a chat.

    Attributes:
        id: Its id.
        chat: The chat.
        text: What it says.
        sender: Who wrote it; empty for the bot.
        file_name: The name of the document that it is, if it is one.
    """

    id: str
    chat: str
    text: str
    sender: str = ""
    file_name: str = ""


class Console(Changing):
    """The same bot as on WhatsApp, in a process of its own that begins with the first message.

    Args:
        config_path: The configuration file.
    """

    def __init__(self, config_path: Path) -> None:
        super().__init__()
        self._config_path = config_path
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._bubbles: deque[Bubble] = deque(maxlen=KEPT)

    def bubbles(self, chat: str) -> list[Bubble]:
        """Return the messages of a chat, oldest first."""
        return [each for each in self._bubbles if each.chat == chat]

    async def say(self, chat: str, sender: str, text: str) -> None:
        """Write in a chat, as the owner where no sender is named.

        Raises:
            TransportError: The bot does not run.
        """
        process = await self._running()
        number = f"panel-{uuid4().hex}"
        line = {"chat": chat, "text": text, "id": number, **({"sender": sender} if sender else {})}
        await self._show(Bubble(number, chat, text, sender or "you"))
        try:
            assert process.stdin is not None  # noqa: S101 - a pipe
            process.stdin.write(json.dumps(line).encode() + b"\n")
            await process.stdin.drain()
        except OSError as error:
            raise TransportError("The bot has ended. Write again to start it.") from error

    async def close(self) -> None:
        """End the bot."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await process.wait()
        except TimeoutError:
            process.terminate()
            await process.wait()
        if self._reading is not None:
            await self._reading

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                pipe = asyncio.subprocess.PIPE
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "butler", "console", "--jsonl"),
                    *("--config", str(self._config_path)),
                    stdin=pipe,
                    stdout=pipe,
                    limit=_LINE_BYTES,
                )
                self._reading = asyncio.create_task(self._read(self._process), name="console")
            return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe
        try:
            while line := await process.stdout.readline():
                await self._take(json.loads(line))
        except (ValueError, KeyError) as error:
            logger.warning("the console said what is not understood: %s", error)

    async def _take(self, said: dict[str, Any]) -> None:
        if "error" in said:
            logger.warning("the console refused a line: %s", said["error"])
            return
        bubble = Bubble(said["id"], said["chat"], said["text"], file_name=said.get("file_name", ""))
        if not said.get("edit"):
            await self._show(bubble)
            return
        for place, each in enumerate(self._bubbles):
            if each.id == bubble.id:
                self._bubbles[place] = replace(each, text=bubble.text)
        await self.changed()

    async def _show(self, bubble: Bubble) -> None:
        self._bubbles.append(bubble)
        await self.changed()
