"""The log of a gateway, which comes in by its output, as part of the daemon's."""

import asyncio
import logging
import re
import time

import msgspec

from butler.logs import Subject, about

_PRINTED_BY = logging.getLogger("butler.transports.whatsapp.daemon.process")
_LINE = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)", re.DOTALL)
_CHATTER = "Press Ctrl+C to exit"
"""Printed by the library at each start; meaningless here."""

_LONGEST_LINE = 2_000
_LINES_A_MINUTE = 200


class _Event(msgspec.Struct):
    """An event of the gateway's own log, see ``butler.logs``."""

    level: str
    logger: str
    text: str
    chat: str = ""
    message: str = ""
    error: str = ""


_decoded = msgspec.json.Decoder(_Event).decode


class GatewayLog:
    """Logs the output of a gateway, at most 200 lines a minute besides what is at debug."""

    def __init__(self) -> None:
        self._minute = 0
        self._count = 0

    def write(self, line: str) -> None:
        """Log a line: an event as if it had come up here, with its chat and message."""
        if line == _CHATTER:
            return
        event = _event(line)
        if event is not None and event.level == "debug":
            _log(event)
            return
        if (minute := int(time.monotonic() / 60)) != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        if self._count > _LINES_A_MINUTE:
            return
        if self._count == _LINES_A_MINUTE:
            event, line = None, "… further output is dropped for the rest of this minute"
        if event is not None:
            _log(event)
            return
        level, text = match.groups() if (match := _LINE.match(line)) else ("INFO", line)
        _PRINTED_BY.log(logging.getLevelNamesMapping()[level], "gateway: %s", text[:_LONGEST_LINE])


def _event(line: str) -> _Event | None:
    """Return the event in a line; None if it is printed by the library."""
    try:
        event = _decoded(line)
    except msgspec.DecodeError:
        return None
    return event if event.level.upper() in logging.getLevelNamesMapping() else None


def _log(event: _Event) -> None:
    level = logging.getLevelNamesMapping()[event.level.upper()]
    text = f"{event.text}\n{event.error}" if event.error else event.text
    with about(Subject(event.chat, event.message) if event.chat else None):
        logging.getLogger(event.logger).log(level, "%s", text)


async def log_output(output: asyncio.StreamReader) -> None:
    """Log what a gateway prints, to its end."""
    log, rest = GatewayLog(), b""
    while chunk := await output.read(65_536):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-65_536:]
        for line in lines:
            log.write(line.decode(errors="replace"))
    if rest:
        log.write(rest.decode(errors="replace"))
