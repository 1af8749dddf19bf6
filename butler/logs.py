"""The log: one line per event, with its chat; never the text of a message.

Unprintable characters are escaped, as external names and errors may contain line breaks.
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


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _add_chat(record: logging.LogRecord) -> bool:
    record.chat = chat_of_log.get()
    return True
