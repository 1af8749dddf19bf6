"""The log: one line an event, with the chat it belongs to; never a message's text.

What is not printable is escaped, for names and errors from outside may hold line ends and more.
"""

import logging
from contextvars import ContextVar
from types import TracebackType

chat_of_log: ContextVar[str] = ContextVar("chat_of_log", default="-")
"""The id of the chat whose message is being handled."""

_FORMAT = "%(asctime)s %(levelname)-7s [%(chat)s] %(name)s: %(message)s"
_ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


def configure(level: str = "INFO") -> None:
    """Write the log to stderr from ``level`` upwards."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines(_FORMAT))
    handler.addFilter(_add_chat)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class Complaint:
    """An error that lasts: logged when it begins and when it is over, not each time in between.

    A disk that is full must not be filled by what is said about it.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._is_made = False

    def begin(self, text: str, error: Exception) -> None:
        """Log ``text`` with ``error``, unless that was done and is not over."""
        if not self._is_made:
            self._logger.error(text, error)
            self._is_made = True

    def end(self, text: str) -> None:
        """Log ``text`` if there was something to complain about."""
        if self._is_made:
            self._logger.info(text)
            self._is_made = False


class _Lines(logging.Formatter):
    """One line an event; those of a traceback are indented, so that none passes for an event."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return _escaped(super().formatMessage(record))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - logging's name
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {_escaped(line)}" for line in lines)


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _add_chat(record: logging.LogRecord) -> bool:
    record.chat = chat_of_log.get()
    return True
