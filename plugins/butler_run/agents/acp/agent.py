"""Any agent that speaks the Agent Client Protocol over stdio."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from butler_run.agents.agent import NO_WISHES, Offer, PromptFile, Run, Wishes
from butler_run.agents.base import Patience
from butler_run.agents.process.enclosure import UNENCLOSED, Enclosure
from butler_run.agents.process.process import AgentProcess, ProcessLimits, spawned


class AcpAgent:
    """Runs a command that speaks the Agent Client Protocol.

    Args:
        is_trusted: Load the settings of the working copy.
    """

    def __init__(
        self,
        command: Sequence[str],
        limits: ProcessLimits | None = None,
        patience: Patience | None = None,
        how_to_get: str = "",
        *,
        is_trusted: bool = False,
    ) -> None:
        self._command = tuple(command)
        self._limits = limits or ProcessLimits()
        self._patience = patience or Patience()
        self._how_to_get = how_to_get
        self._is_trusted = is_trusted

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
        async with self._spawned(folder, environment, enclosure) as process:
            from butler_run.agents.acp.conversation import Wanted
            from butler_run.agents.acp.run import AcpRun

            wanted = Wanted(
                *(prompt, folder, conversation_id, wishes),
                instructions=instructions,
                files=tuple(files),
                is_trusted=self._is_trusted,
            )
            yield AcpRun(process, self._patience, wanted)

    async def look(
        self,
        *,
        folder: Path,
        environment: Mapping[str, str],
        enclosure: Enclosure = UNENCLOSED,
    ) -> Offer:
        """Ask what it offers, see ``Agent``."""
        async with self._spawned(folder, environment, enclosure) as process:
            from butler_run.agents.acp.conversation import Wanted
            from butler_run.agents.acp.run import AcpRun

            wanted = Wanted("", folder, None, NO_WISHES, is_trusted=self._is_trusted)
            return await AcpRun(process, self._patience, wanted).looked()

    @asynccontextmanager
    async def _spawned(
        self, folder: Path, environment: Mapping[str, str], enclosure: Enclosure
    ) -> AsyncIterator[AgentProcess]:
        async with spawned(
            self._command,
            folder=folder,
            environment=environment,
            limits=self._limits,
            how_to_get=self._how_to_get,
            enclosure=enclosure,
        ) as process:
            # The import takes half a second once, so it runs while the agent starts.
            await asyncio.to_thread(importlib.import_module, "butler_run.agents.acp.run")
            yield process
