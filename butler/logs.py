"""The log: one line an event, with the chat it belongs to; never a message's text."""

import logging
from contextvars import ContextVar

chat_of_log: ContextVar[str] = ContextVar("chat_of_log", default="-")
"""The id of the chat whose message is being handled."""

_FORMAT = "%(asctime)s %(levelname)-7s [%(chat)s] %(name)s: %(message)s"


def configure(level: str = "INFO") -> None:
    """Write the log to stderr from ``level`` upwards."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(_add_chat)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def _add_chat(record: logging.LogRecord) -> bool:
    record.chat = chat_of_log.get()
    return True
