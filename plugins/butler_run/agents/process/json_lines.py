"""JSON objects of an agent, one per line."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from butler_run.agents.complaints import explained
from butler_run.agents.delays import refusal_of_claude
from butler_run.agents.errors import AgentError, NotReadyError
from butler_run.agents.process.process import AgentProcess
from butler_run.agents.text import on_one_line

_MAX_STRAY_LINES = 20
# The largest whole number that JavaScript counts exactly, see Number.MAX_SAFE_INTEGER.
_MOST = 2**53 - 1


class Messages:
    """The messages of a process; skips a few other lines.

    Args:
        process: The process.
        is_message: Whether a JSON object belongs to the protocol rather than to a log.

    Attributes:
        stray: The first line that was not a message, shortened.
    """

    def __init__(
        self,
        process: AgentProcess,
        is_message: Callable[[dict[str, Any]], bool] = lambda _object: True,
    ) -> None:
        self.stray = ""
        self._process = process
        self._is_message = is_message
        self._stray_lines = 0

    async def __aiter__(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield all available messages at a time.

        Raises:
            AgentError: The process writes something else, or too much.
        """
        async for lines in self._process.lines():
            # A message can be huge, so no name is bound to it while waiting for the next one.
            yield list(self._messages_in(lines))

    async def epitaph(self) -> str:
        """Return a sentence on a process that closed its output, once it had time to exit."""
        await self._process.quit()
        if self._process.is_running:
            return f"{self._process.name} closed its output before it had answered."
        epitaph = await self._process.epitaph()
        return f"{epitaph} It wrote: {self.stray}" if self.stray else epitaph

    def not_started(self, limit_s: float) -> AgentError:
        """Return the error for a process that did not start in time."""
        if known := self.known(f"{self.stray} {self._process.stderr_tail}"):
            return known
        sentence = f"{self._process.name} did not start within {limit_s:g} s."
        said = self.stray or self._process.stderr_tail
        return AgentError(f"{sentence} It wrote: {said}" if said else sentence)

    def not_logged_in(self, said: str) -> AgentError:
        """Return the error for a process that is not logged in, whatever its own text."""
        return self.known(said) or self.known(f"not logged in: {said}") or AgentError(said)

    def known(self, said: str) -> AgentError | None:
        """Return the error for a known text, in the user's words; None for others."""
        sentence = explained(self._process.name, said, self._process.variables)
        return None if sentence is None else NotReadyError(sentence)

    def check_retry(self, message: Mapping[str, Any]) -> None:
        """Check that a retry of Claude Code may help.

        Raises:
            NotReadyError: It may not.
        """
        refusal = refusal_of_claude(message)
        if refusal is not None and (known := self.known(refusal)) is not None:
            raise known

    def _messages_in(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        for line in lines:
            found = _object(line)
            if found is None:
                self._skip(line)
            elif self._is_message(found):
                self._stray_lines = 0
                yield found
            else:
                self._note(line)

    def _note(self, line: str) -> None:
        self.stray = self.stray or on_one_line(line)

    def _skip(self, line: str) -> None:
        if not line.strip():
            return
        self._note(line)
        self._stray_lines += 1
        if self._stray_lines > _MAX_STRAY_LINES:
            raise AgentError(
                f"{self._process.name} does not speak the expected protocol; it wrote: {self.stray}"
            )


def _object(line: str) -> dict[str, Any] | None:
    """Return the JSON object in a line, with numbers that everything here can count with."""
    try:
        message = _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def _exact(digits: str) -> int:
    return max(-_MOST, min(_MOST, int(digits)))


def _no_number(_name: str) -> None:
    """Return nothing for ``NaN`` and ``Infinity``, which are not JSON."""


_DECODER = json.JSONDecoder(parse_float=_finite, parse_int=_exact, parse_constant=_no_number)
