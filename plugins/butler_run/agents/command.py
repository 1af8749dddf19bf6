"""Any program as an agent: it gets the prompt, and its output is the answer.

The prompt goes to stdin, or replaces ``{prompt}`` in an argument of the command. If it could then
be read as an option (it starts with ``-`` and is a whole argument, not after ``--``), it gets a
leading space.
"""

import codecs
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from butler_run.agents.agent import NO_WISHES, Offer, PromptFile, Run, Wishes
from butler_run.agents.base import Patience, ProcessRun
from butler_run.agents.errors import AgentError
from butler_run.agents.events import Decision, Event, Finished, Reason, Started, Text, Value
from butler_run.agents.process.enclosure import UNENCLOSED, Enclosure
from butler_run.agents.process.process import AgentProcess, ProcessLimits, spawned

PLACEHOLDER = "{prompt}"
# Linux limits an argument to 128 KiB, including its null byte, see execve(2).
_MAX_ARGUMENT_BYTES = 131_071


class CommandAgent:
    """Runs one program, without questions or conversations."""

    def __init__(self, command: Sequence[str], limits: ProcessLimits | None = None) -> None:
        self._command = tuple(command)
        self._limits = limits or ProcessLimits()

    @asynccontextmanager
    async def start(
        self,
        prompt: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        conversation_id: str | None = None,
        wishes: Wishes = NO_WISHES,
        instructions: str = "",
        files: Sequence[PromptFile] = (),
        enclosure: Enclosure = UNENCLOSED,
    ) -> AsyncIterator[Run]:
        """Start the program, see ``Agent``."""
        command = with_prompt(self._command, prompt)
        async with spawned(
            command,
            folder=folder,
            environment=environment,
            limits=self._limits,
            enclosure=enclosure,
        ) as process:
            if not has_placeholder(self._command):
                process.write(prompt.encode(errors="replace"))
            process.close_stdin()
            yield _CommandRun(process, Patience())

    async def look(
        self,
        *,
        folder: Path,
        environment: Mapping[str, str],
        enclosure: Enclosure = UNENCLOSED,
    ) -> Offer:
        """Return that it offers nothing, see ``Agent``."""
        return Offer()


def has_placeholder(command: Sequence[str]) -> bool:
    """Return whether an argument of ``command`` contains the prompt."""
    return any(PLACEHOLDER in argument for argument in command[1:])


def with_prompt(command: Sequence[str], prompt: str) -> tuple[str, ...]:
    """Return ``command`` with ``prompt`` in place of ``{prompt}``.

    Raises:
        AgentError: The prompt is too long for an argument.
    """
    if not has_placeholder(command):
        return tuple(command)
    program, *arguments = command
    clean = prompt.replace("\0", "").encode(errors="replace").decode()
    before = [program, *arguments]
    filled = [_filled(*pair, clean) for pair in zip(arguments, before, strict=False)]
    if any(len(argument.encode()) > _MAX_ARGUMENT_BYTES for argument in filled):
        raise AgentError(
            f"The prompt is too long for an argument of {Path(program).name}: "
            f"the maximum is {_MAX_ARGUMENT_BYTES:,} bytes."
        )
    return (program, *filled)


def _filled(argument: str, previous: str, prompt: str) -> str:
    filled = argument.replace(PLACEHOLDER, prompt)
    could_be_an_option = argument.startswith(PLACEHOLDER) and prompt.startswith("-")
    return f" {filled}" if could_be_an_option and previous != "--" else filled


class _CommandRun(ProcessRun):
    def __init__(self, process: AgentProcess, patience: Patience) -> None:
        super().__init__(process, patience, is_plain=True)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    async def _events(self) -> AsyncIterator[Event]:
        yield Started(None)
        async for piece in self._process.pieces():
            if text := self._decoder.decode(piece):
                yield Text(text)
        if text := self._decoder.decode(b"", final=True):
            yield Text(text)
        yield await self._finished()

    async def _finished(self) -> Finished:
        if await self._process.status() == 0:
            return Finished(Reason.DONE)
        return Finished(Reason.FAILED, await self._process.epitaph())

    def _reply(self, permission_id: str, option_id: str | None) -> None:
        """Do nothing: a plain program asks no questions."""

    def _fill(self, input_id: str, values: Mapping[str, Value] | None, note: str) -> None:
        """Do nothing, as ``_reply``."""

    def _decide(self, plan_id: str, decision: Decision, reason: str) -> None:
        """Do nothing, as ``_reply``."""
