"""The JSON lines transport, for programs."""

import asyncio
import itertools
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from butler.access.rules import Refusal
from butler.chat.message import Attachment, Message, Person, Reply
from butler.chat.text import printable
from butler.chat.transport import NO_NAMES
from butler.config.messages import unknown_key, wording
from butler.records.model import Records
from butler.transports.console import files
from butler.transports.console.seen import Key, SeenMessages
from butler.transports.console.streams import MAX_LINE_BYTES, LineReader, LineWriter, ended
from butler.transports.console.typed import OWN_MENTIONS

_encoded = json.JSONEncoder(ensure_ascii=False).encode
_Id = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]+$")]

_Path = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]+$")]


class _Line(BaseModel):
    """A line of input; ``sender`` defaults to an owner, ``id`` is generated if omitted.

    ``quoted`` is the id of the message that it replies to, or with ``reaction`` reacts to.
    ``attachments`` are the paths of files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    chat: _Id
    text: str
    sender: str | None = None
    id: _Id | None = None
    name: Annotated[str, Field(max_length=256)] = ""
    quoted: _Id | None = None
    reaction: bool = False
    attachments: list[_Path] = []


class JsonLines:
    """Reads messages from stdin and writes replies to stdout; a ``Transport``.

    Messages with an id from the program are deduplicated, even across restarts: a message counts
    as handled once its replies are written. The program retries unanswered messages.
    """

    owner_chat_id: str | None = None
    chat_names = NO_NAMES

    def __init__(
        self, reader_fd: int, writer_fd: int, handled: SeenMessages, records: Records
    ) -> None:
        self._reader = LineReader(reader_fd)
        self._writer = LineWriter(writer_fd, self._note_handled, self._reader.close)
        self._handled = handled
        self._records = records
        self._in_hand: set[Key] = set()
        # Position of the output in bytes when the message was acknowledged; ascending.
        self._acknowledged: deque[tuple[int, Key]] = deque()
        start = secrets.token_hex(4)
        self._ids = (f"{start}-{n}" for n in itertools.count(1))

    async def messages(self) -> AsyncIterator[Message]:
        """Yield a message for each line; answer an invalid line with an error."""
        number = 0
        async for line in self._reader.lines():
            number += 1
            if line is not None and not line.strip():
                continue
            try:
                parsed, message = self._parse(line)
                if parsed.attachments:
                    message = await asyncio.to_thread(_with_files, message, parsed.attachments)
            except ValueError as error:
                await self._write({"error": _problem(error), "line": number})
                continue
            if parsed.id is None or self._is_new(message):
                yield message

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Write ``reply``; wait while the program does not read."""
        written: dict[str, object] = {
            "chat": chat_id,
            "text": reply.text,
            "reply_to": reply.answers.id if reply.answers else None,
            "id": reply.edits or next(self._ids),
        }
        if reply.edits:
            written["edit"] = True
        if reply.file_name:
            written["file_name"] = reply.file_name
        if reply.attachment:
            written["attachment"] = str(reply.attachment)
        if reply.mentions:
            written["mentions"] = [str(each) for each in reply.mentions]
        await self._write(written)
        return str(written["id"])

    async def fetch(self, message: Message) -> tuple[Attachment, ...]:
        """Return the attachments; their files are on this machine.

        Raises:
            UserError: One cannot be read.
        """
        return await files.fetched(message)

    def show_typing(self, chat_id: str, *, is_typing: bool) -> None:
        """Do nothing: there is nobody to show it to."""

    def begin(self, message: Message, *, is_told: bool = True) -> None:
        """Do nothing: the program retries unanswered messages itself."""

    def is_withdrawn(self, message: Message) -> bool:
        """Return False: lines cannot be withdrawn."""
        return False

    async def acknowledge(self, message: Message, *, had_effect: bool = True) -> None:
        """Mark ``message`` as handled once all earlier output is written."""
        key = _key(message)
        if key not in self._in_hand:
            return
        position = self._writer.queued_bytes
        self._acknowledged.append((position, key))
        if self._writer.written_bytes >= position:
            self._writer.nudge()

    async def aclose(self) -> bool:
        """Flush the output; return False if the program closed it early."""
        try:
            return await ended(self._reader, self._writer)
        finally:
            self._handled.close()

    def _parse(self, line: bytes | None) -> tuple[_Line, Message]:
        if line is None:
            raise ValueError(f"The line is longer than {MAX_LINE_BYTES:,} bytes.")
        parsed = _Line.model_validate_json(line)
        if parsed.reaction and parsed.quoted is None:
            raise ValueError("reaction: needs the id of a message in quoted.")
        message = Message(
            id=parsed.id or next(self._ids),
            chat_id=parsed.chat,
            sender=_person(parsed.sender) if parsed.sender is not None else Person(),
            text=parsed.text,
            time=time.time(),
            name=parsed.name,
            is_own=parsed.sender is None,
            quoted_id=parsed.quoted,
            is_reaction=parsed.reaction,
        )
        return parsed, OWN_MENTIONS.removed(message)

    def _is_new(self, message: Message) -> bool:
        key = _key(message)
        if key in self._in_hand or key in self._handled:
            self._records.ignored(message, Refusal("duplicate", "handled before"))
            return False
        self._in_hand.add(key)
        return True

    def _note_handled(self, written_bytes: int) -> None:
        """Runs in the writer thread, right after the write, so that a crash leaves no gap."""
        keys = []
        while self._acknowledged and self._acknowledged[0][0] <= written_bytes:
            keys.append(self._acknowledged.popleft()[1])
        if keys:
            self._records.flush()
            self._handled.add(keys)
            self._in_hand.difference_update(keys)

    async def _write(self, value: dict[str, object]) -> None:
        # A lone surrogate, as in an undecodable path, is written as a JSON escape.
        await self._writer.write(f"{_encoded(value)}\n".encode("utf-8", "backslashreplace"))


def _key(message: Message) -> Key:
    return message.chat_id, str(message.sender), message.id


def _with_files(message: Message, paths: Sequence[str]) -> Message:
    try:
        found = [files.attachment(Path(each).expanduser()) for each in paths]
    except OSError as error:
        raise ValueError(f"attachments: {error.filename}: {error.strerror}.") from None
    return files.with_attachments(message, found)


@lru_cache(maxsize=4096)
def _person(address: str) -> Person:
    return Person.parse(address)


def _problem(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return " ".join(map(_mistake, error.errors(include_url=False)))


def _mistake(error: ErrorDetails) -> str:
    """Describe an error in Butler's words rather than pydantic's."""
    kind, key = error["type"], ".".join(map(str, error["loc"]))
    if kind == "json_invalid":
        return f"The line is not valid JSON: {error['ctx']['error']}."
    if kind == "extra_forbidden":
        said = unknown_key(key, _Line.model_fields)
    else:
        said = _WORDINGS.get(kind) or wording(error)
    sentence = said if said.endswith("?") else f"{said}."
    return f"{printable(key)}: {sentence}" if key else sentence


_WORDINGS = {
    "model_type": "The line is not a JSON object",
    "string_pattern_mismatch": "contains control characters",
}
"""What is worded differently in a configuration."""
