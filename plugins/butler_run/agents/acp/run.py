"""A run of an agent that speaks the Agent Client Protocol."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import acp
from acp.client import ClientSideConnection
from acp.schema import PromptResponse
from pydantic import ValidationError

from butler_run.agents.acp.conversation import (
    AUTH_REQUIRED,
    Conversation,
    Opening,
    Wanted,
    is_lost,
    told,
)
from butler_run.agents.acp.updates import Updates
from butler_run.agents.acp.wire import Wire
from butler_run.agents.agent import Event, Finished, Notice, Reason, Started, Usage
from butler_run.agents.base import Patience, ProcessRun
from butler_run.agents.errors import AgentError, ConversationLostError
from butler_run.agents.process.process import AgentProcess
from butler_run.agents.text import coalesced

_FINISHED = {
    "end_turn": Finished(Reason.DONE),
    "cancelled": Finished(Reason.CANCELLED),
    "refusal": Finished(Reason.REFUSED, "The agent refused."),
    "max_tokens": Finished(Reason.CUT_SHORT, "The answer reached the model's token limit."),
    "max_turn_requests": Finished(Reason.CUT_SHORT, "The agent reached its request limit."),
}


class AcpRun(ProcessRun):
    """A run: one prompt to one agent process."""

    def __init__(self, process: AgentProcess, patience: Patience, wanted: Wanted) -> None:
        super().__init__(process, patience)
        self._wanted = wanted
        self._conversation_id: str | None = None
        self._updates = Updates(wanted.folder)
        self._waiting: asyncio.Queue[list[Event]] = asyncio.Queue()
        self._wire = Wire(process, self._updates, self._hand_over)

    async def _events(self) -> AsyncIterator[Event]:
        # The wire handles all requests to a client, so none of its methods is ever called.
        client: Any = _Client()
        connection = acp.connect_to_agent(client, self._wire)
        try:
            conversation = await self._opened(connection)
            yield Started(conversation.id)
            if conversation.notice:
                yield Notice(conversation.notice)
            async for event in self._turn(connection, conversation.id):
                yield event
        except AgentError:
            if not self._is_cancelled:
                raise
            yield Finished(Reason.CANCELLED)
        finally:
            self._reject_all()
            await connection.close()

    async def _opened(self, connection: ClientSideConnection) -> Conversation:
        opening = Opening(connection, self._process.name, self._wanted)
        try:
            return await self._opened_in_time(opening)
        except ConversationLostError:
            raise
        except AgentError as error:
            if self._is_cancelled or not opening.is_resuming:
                raise
            raise ConversationLostError(str(error)) from None

    async def _opened_in_time(self, opening: Opening) -> Conversation:
        try:
            async with self._explained(), asyncio.timeout(self._patience.start_s):
                return await opening.conversation()
        except TimeoutError:
            raise self._wire.messages.not_started(self._patience.start_s) from None

    async def _turn(
        self, connection: ClientSideConnection, conversation_id: str
    ) -> AsyncIterator[Event]:
        self._conversation_id = conversation_id
        self._wire.is_deaf = False
        if self._updates.commands is not None:
            yield self._updates.commands
        prompting = asyncio.create_task(self._prompted(connection, conversation_id))
        try:
            async for event in self._handed_over():
                yield event
            async with self._explained():
                response = await prompting
        finally:
            await _cancelled(prompting)
        if response.usage is not None:
            yield Usage(response.usage.total_tokens, self._updates.cost_usd)
        yield _FINISHED.get(response.stop_reason, _FINISHED["end_turn"])

    async def _prompted(
        self, connection: ClientSideConnection, conversation_id: str
    ) -> PromptResponse:
        try:
            texts = filter(None, (self._wanted.instructions,))
            blocks = [acp.text_block(text) for text in (*texts, self._wanted.prompt)]
            response: PromptResponse = await connection.prompt(
                session_id=conversation_id, prompt=[*blocks]
            )
        finally:
            self._waiting.put_nowait([])
        return response

    async def _hand_over(self, events: list[Event]) -> None:
        self._waiting.put_nowait(events)
        await self._waiting.join()

    async def _handed_over(self) -> AsyncIterator[Event]:
        while events := await self._waiting.get():
            for event in coalesced(events):
                yield event
            del events  # they can be huge
            self._waiting.task_done()

    @asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        try:
            yield
        except acp.RequestError as error:
            raise self._explanation(error) from None
        except ValidationError:
            raise AgentError(
                f"{self._process.name} sent an answer that the protocol does not define."
            ) from None
        except ConnectionError:
            raise self._wire.error or AgentError(await self._wire.messages.epitaph()) from None

    def _explanation(self, error: acp.RequestError) -> AgentError:
        if error.code == AUTH_REQUIRED:
            return self._wire.messages.not_logged_in(told(error))
        if self._wanted.conversation_id is not None and is_lost(error):
            return ConversationLostError(
                f"{self._process.name} lost the conversation: {told(error)}."
            )
        return self._wire.messages.known(told(error)) or AgentError(
            f"{self._process.name} failed: {told(error)}."
        )

    def _reply(self, permission_id: str, option_id: str | None) -> None:
        if option_id is None:
            self._wire.answer(permission_id, {"outcome": "cancelled"})
        else:
            self._wire.answer(permission_id, {"outcome": "selected", "optionId": option_id})

    def _ask_to_stop(self) -> bool:
        if self._conversation_id is None:
            return False
        self._wire.notify("session/cancel", {"sessionId": self._conversation_id})
        return True


class _Client:
    """A client without methods, see Wire."""


async def _cancelled(task: asyncio.Task[PromptResponse]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
