"""The log: one line per event, with its chat; never the text of a message.

Unprintable characters are escaped, as external names and errors may contain line breaks.
"""

import logging
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from types import TracebackType

chat_of_log: ContextVar[str] = ContextVar("chat_of_log", default="")
"""The id of the chat whose message is being handled; empty outside of a turn."""

_FORMAT = "%(asctime)s %(levelname)-7s %(chat)s%(name)s: %(message)s"
_ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


def configure(
    level: str = "INFO", own: Iterable[str] = ("butler",), levels: Mapping[str, str] | None = None
) -> None:
    """Write the log to stderr.

    Args:
        level: From this level upwards what Butler itself and its plugins say.
        own: Their packages. Of others there are only warnings, as nobody asked for theirs.
        levels: The levels of single loggers, by name.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines(_FORMAT))
    handler.addFilter(_add_chat)
    # By its name, an unknown level is an error here.
    least = max(logging.getLevelNamesMapping()[level], logging.WARNING)
    logging.basicConfig(level=least, handlers=[handler], force=True)
    for name, its_level in {**dict.fromkeys(own, level), **(levels or {})}.items():
        logging.getLogger(name).setLevel(its_level)


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
    chat_id = chat_of_log.get()
    record.chat = f"[{chat_id}] " if chat_id else ""
    return True
