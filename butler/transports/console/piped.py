"""The pipe transport: one chat, one message per line."""

from collections.abc import AsyncIterator

from butler.chat.message import Message, Person, Reply
from butler.transports.console.files import attached
from butler.transports.console.streams import LineReader, LineWriter, ended
from butler.transports.console.typed import Author, Typed, shown


class PipedConsole(Typed):
    """Reads each line of stdin as a message and writes replies to stdout; a ``Transport``."""

    def __init__(
        self, reader_fd: int, writer_fd: int, chat_id: str, sender: Person | None = None
    ) -> None:
        self._reader = LineReader(reader_fd)
        self._writer = LineWriter(writer_fd, on_broken=self._reader.close)
        self._author = Author(chat_id, sender)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield a message for each line that is not empty."""
        async for line in self._reader.lines():
            if line is not None and line.strip():
                typed = self._author.message(line.decode(errors="replace").strip("\r"))
                yield await attached(typed)

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Write the text of ``reply``; wait while the output is not read.

        What is written cannot be edited, and would be there twice, so edits are left out.
        """
        if reply.edits:
            return reply.edits
        await self._writer.write(shown(reply).encode("utf-8", "backslashreplace") + b"\n\n")
        return self._author.next_id()

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        """Do nothing: messages are not stored."""

    async def aclose(self) -> bool:
        """Flush the output; return False if it was closed early."""
        return await ended(self._reader, self._writer)
