"""Butler for programs: a JSON object a line, in and out."""

import itertools
import json
import secrets
import time
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from butler.access import Refusal
from butler.errors import TransportError
from butler.message import Message, Person, Reply
from butler.records import Records
from butler.transports.handled import HandledMessages, Key
from butler.transports.streams import MAX_LINE_BYTES, LineReader, LineWriter

_Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]+$")]


class _Line(BaseModel):
    """One line of input; ``sender`` is an owner and ``id`` is made up where they are left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    chat: _Name
    text: str
    sender: str | None = None
    id: _Name | None = None
    name: Annotated[str, Field(max_length=256)] = ""


class JsonLines:
    """Messages from stdin, replies to stdout; a :class:`~butler.transport.Transport`.

    A message whose id the program chose is handled once, also over restarts: it counts as handled
    when its replies are written. What was not answered, the program sends again.
    """

    def __init__(
        self, reader_fd: int, writer_fd: int, handled: HandledMessages, records: Records
    ) -> None:
        self._reader = LineReader(reader_fd)
        self._writer = LineWriter(writer_fd, self._written, self._reader.close)
        self._handled = handled
        self._records = records
        self._in_hand: set[Key] = set()
        self._done: list[tuple[int, Key]] = []
        self._ids = (f"{secrets.token_hex(4)}-{n}" for n in itertools.count(1))

    async def messages(self) -> AsyncIterator[Message]:
        """Yield a message for each line; a line that is none is answered by an error."""
        number = 0
        async for line in self._reader.lines():
            number += 1
            if line is not None and not line.strip():
                continue
            try:
                parsed, message = self._parse(line)
            except ValueError as error:
                await self._write({"error": _problem(error), "line": number})
                continue
            if parsed.id is None or self._is_new(message):
                yield message

    async def send(self, chat_id: str, reply: Reply) -> str:
        """Write ``reply``; waits while the program does not read."""
        written: dict[str, object] = {
            "chat": chat_id,
            "text": reply.text,
            "reply_to": reply.answers.id if reply.answers else None,
            "id": reply.edits or next(self._ids),
        }
        if reply.edits:
            written["edit"] = True
        await self._write(written)
        return str(written["id"])

    async def acknowledge(self, message: Message) -> None:
        """Count ``message`` as handled once what was sent so far is written."""
        key = _key(message)
        if key in self._in_hand:
            self._done.append((self._writer.queued_bytes, key))

    async def aclose(self) -> bool:
        """Write out everything; return False if the program did not read to the end."""
        await self._writer.end()
        self._handled.close()
        return not self._writer.is_broken

    def _parse(self, line: bytes | None) -> tuple[_Line, Message]:
        if line is None:
            raise ValueError(f"A line has at most {MAX_LINE_BYTES:,} bytes.")
        parsed = _Line.model_validate_json(line)
        return parsed, Message(
            id=parsed.id or next(self._ids),
            chat_id=parsed.chat,
            sender=_person(parsed.sender) if parsed.sender is not None else Person(),
            text=parsed.text,
            time=time.time(),
            name=parsed.name,
            is_own=parsed.sender is None,
        )

    def _is_new(self, message: Message) -> bool:
        key = _key(message)
        if key in self._in_hand or key in self._handled:
            self._records.ignored(message, Refusal("duplicate", "handled before"))
            return False
        self._in_hand.add(key)
        return True

    def _written(self, total_bytes: int) -> None:
        ready = 0
        while ready < len(self._done) and self._done[ready][0] <= total_bytes:
            ready += 1
        keys = [key for _position, key in self._done[:ready]]
        if keys:
            self._handled.add(keys)
            self._in_hand.difference_update(keys)
            del self._done[:ready]

    async def _write(self, value: dict[str, object]) -> None:
        # A lone surrogate, as in an undecodable path, leaves as the escape that JSON has for it.
        text = json.dumps(value, ensure_ascii=False) + "\n"
        try:
            await self._writer.write(text.encode("utf-8", "backslashreplace"))
        except BrokenPipeError:
            raise TransportError("Nobody reads the output any more.") from None


def _key(message: Message) -> Key:
    return message.chat_id, str(message.sender), message.id


@lru_cache(maxsize=4096)
def _person(address: str) -> Person:
    return Person.parse(address)


def _problem(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    said = first["msg"].rstrip(".")
    return f"{key}: {said}." if key else f"{said}."
