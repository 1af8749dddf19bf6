"""The log: one event a line, with its chat and message; never the text of a message.

Unprintable characters are escaped, as external names and errors may contain line breaks.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Protocol


class Traced(Protocol):
    """A message, as far as the log tells it from others."""

    @property
    def chat_id(self) -> str:
        """The id of its chat."""
        ...

    @property
    def trace(self) -> str:
        """Its id in the logs of every process and machine; computed where a line needs it."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A chat, and a message by the id that logs have of it; empty if it is about none."""

    chat_id: str
    trace: str = ""


message_of_log: ContextVar[Traced | None] = ContextVar("message_of_log", default=None)
"""The message that is being handled; None outside of a turn."""

FILES_KEPT = 3
"""Full log files that are kept beside the current one."""

_FORMAT = "%(asctime)s %(levelname)-7s %(chat)s%(name)s: %(message)s"
_ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


@dataclass(frozen=True, slots=True)
class Target:
    """How the log is written, and where besides stderr.

    Attributes:
        is_json: Each event is an object in JSON.
        file: It is also written there.
        max_bytes: The size at which a new file is begun.
    """

    is_json: bool = False
    file: Path | None = None
    max_bytes: int = 10_000_000


def configure(
    level: str = "INFO",
    own: Iterable[str] = ("butler",),
    levels: Mapping[str, str] | None = None,
    target: Target = Target(),
) -> None:
    """Write the log.

    Args:
        level: From this level upwards what Butler itself and its plugins say.
        own: Their packages. Of others there are only warnings, as nobody asked for theirs.
        levels: The levels of single loggers, by name.
        target: How it is written, and where.

    Raises:
        OSError: The file cannot be opened; the log is as before.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if target.file is not None:
        handlers.append(_File(target.file, target.max_bytes))
    for handler in handlers:
        handler.setFormatter(_Objects() if target.is_json else _Lines(_FORMAT))
        handler.addFilter(_add_place)
    # By its name, an unknown level is an error here.
    least = max(logging.getLevelNamesMapping()[level], logging.WARNING)
    logging.basicConfig(level=least, handlers=handlers, force=True)
    for name, its_level in {**dict.fromkeys(own, level), **(levels or {})}.items():
        logging.getLogger(name).setLevel(its_level)


@contextmanager
def about(message: Traced | None) -> Iterator[None]:
    """Name this message on what the block logs."""
    token = message_of_log.set(message)
    try:
        yield
    finally:
        message_of_log.reset(token)


class Complaint:
    """A persistent error: logged when it starts and when it ends, not at each occurrence.

    Otherwise the log itself could fill a full disk.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._is_made = False

    def begin(self, text: str, error: Exception) -> None:
        """Log ``text`` with ``error``, unless the error is already logged and lasting."""
        if not self._is_made:
            self._logger.error(text, error)
            self._is_made = True

    def end(self, text: str) -> None:
        """Log ``text`` if an error was logged before."""
        if self._is_made:
            self._logger.info(text)
            self._is_made = False


class _Lines(logging.Formatter):
    """One line per event; lines of a traceback are indented so that they never look like one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return _escaped(super().formatMessage(record))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - logging's name
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {_escaped(line)}" for line in lines)


class _Objects(logging.Formatter):
    """An object in JSON a line."""

    def format(self, record: logging.LogRecord) -> str:
        message = message_of_log.get()
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "chat": message.chat_id if message else "",
            "message": message.trace if message else "",
            "text": record.getMessage(),
            "error": self.formatException(record.exc_info) if record.exc_info else "",
        }
        return json.dumps({key: value for key, value in event.items() if value})


class _File(RotatingFileHandler):
    """A file for its owner only; what it cannot take is on stderr all the same."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=FILES_KEPT, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return open(  # noqa: PTH123 - a descriptor
            descriptor, "a", encoding="utf-8", errors="backslashreplace"
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: a full disk would be said at each line."""


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _add_place(record: logging.LogRecord) -> bool:
    message = message_of_log.get()
    record.chat = f"[{message.chat_id} {message.trace}] " if message else ""
    return True
