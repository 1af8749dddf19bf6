"""Starts Claude Code's own command."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from butler_run.agents.agent import NO_WISHES, Offer, PromptFile, Run, Wishes
from butler_run.agents.base import Patience
from butler_run.agents.claude.conversations import conversations
from butler_run.agents.claude.run import MODES, ClaudeRun, initialized
from butler_run.agents.process.enclosure import UNENCLOSED, Enclosure
from butler_run.agents.process.process import AgentProcess, ProcessLimits, spawned

HOW_TO_GET = "To get it: npm install -g @anthropic-ai/claude-code@2.1.332"

_STREAM_JSON = (
    *("-p", "--verbose", "--output-format", "stream-json", "--input-format", "stream-json"),
    *("--permission-prompt-tool", "stdio"),
)
# Without it, a repo's .claude/settings.json can run hooks and grant itself any permission, and its
# .mcp.json can start servers, all without a question.
_USER_SETTINGS = ("--setting-sources", "user")


class ClaudeAgent:
    """Runs ``claude``, or a given command with the same protocol.

    Args:
        is_trusted: Load the settings of the working copy.
    """

    def __init__(
        self,
        command: Sequence[str] = ("claude",),
        limits: ProcessLimits | None = None,
        patience: Patience | None = None,
        *,
        is_trusted: bool = False,
    ) -> None:
        self._command = tuple(command)
        self._sources = () if is_trusted else _USER_SETTINGS
        self._limits = limits or ProcessLimits()
        self._patience = patience or Patience()

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
        """Start a run, see ``Agent``."""
        options = (*_wished(wishes), *_resuming(conversation_id, wishes))
        async with self._spawned(options, folder, environment, enclosure) as process:
            is_resumed = conversation_id is not None
            run = ClaudeRun(process, self._patience, folder, is_resumed=is_resumed)
            run.prompt(*filter(None, (instructions,)), prompt, files=files)
            yield run

    async def look(
        self,
        *,
        folder: Path,
        environment: Mapping[str, str],
        enclosure: Enclosure = UNENCLOSED,
    ) -> Offer:
        """Ask what it offers, see ``Agent``."""
        async with self._spawned((), folder, environment, enclosure) as process:
            offer = await initialized(process, self._patience.start_s)
        found = await asyncio.to_thread(conversations, folder, environment)
        return Offer(*(offer.models, offer.model, offer.efforts, offer.effort, tuple(MODES)), found)

    def _spawned(
        self,
        options: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        enclosure: Enclosure,
    ) -> AbstractAsyncContextManager[AgentProcess]:
        return spawned(
            (*self._command, *_STREAM_JSON, *self._sources, *options),
            folder=folder,
            environment=environment,
            limits=self._limits,
            how_to_get=HOW_TO_GET,
            enclosure=enclosure,
        )


def _wished(wishes: Wishes) -> tuple[str, ...]:
    model = () if wishes.model is None else (f"--model={wishes.model}",)
    effort = () if wishes.effort is None else (f"--effort={wishes.effort}",)
    return ("--permission-mode", MODES[wishes.mode], *model, *effort)


def _resuming(conversation_id: str | None, wishes: Wishes) -> tuple[str, ...]:
    if conversation_id is None:
        return ()
    forked = ("--fork-session",) if wishes.is_forked else ()
    return (f"--resume={conversation_id}", *forked)
