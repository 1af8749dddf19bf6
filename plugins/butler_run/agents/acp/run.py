"""A run of an agent that speaks the Agent Client Protocol."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from pathlib import PurePath
from typing import Any, TypeVar

import acp
from acp.schema import PromptResponse
from pydantic import ValidationError

from butler_run.agents.acp.blocks import Block, file_blocks
from butler_run.agents.acp.conversation import (
    AUTH_REQUIRED,
    Conversation,
    Opening,
    Wanted,
    is_lost,
    told,
)
from butler_run.agents.acp.elicitation import accepted
from butler_run.agents.acp.updates import Updates
from butler_run.agents.acp.wire import Wire
from butler_run.agents.agent import Offer
from butler_run.agents.base import Patience, ProcessRun
from butler_run.agents.complaints import is_error_alone, is_too_long, limit_sentence
from butler_run.agents.conversation_ids import usable
from butler_run.agents.errors import AgentError, ConversationLostError
from butler_run.agents.events import (
    Decision,
    Event,
    Finished,
    InputAsked,
    Notice,
    OptionKind,
    PermissionAsked,
    Reason,
    Started,
    Usage,
    Value,
    Working,
)
from butler_run.agents.process.process import AgentProcess
from butler_run.agents.text import coalesced, on_one_line
from butler_run.agents.usage_limits import limit_in

T = TypeVar("T")

_INTERNAL_ERROR = -32603
_RATE_LIMITED, _TOO_LONG = "rate_limit", "context_exhausted"
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
        # The wire handles all requests to a client, so none of its methods is ever called.
        client: Any = _Client()
        self._connection = acp.connect_to_agent(client, self._wire)
        self._may_edit = False
        self._finished = _FINISHED["end_turn"]
        self._inputs: dict[str, InputAsked] = {}
        self._reasons: list[str] = []

    async def looked(self) -> Offer:
        """Return what the agent offers, without a prompt.

        Raises:
            AgentError: The agent cannot be used.
        """
        opening = Opening(self._connection, self._process.name, self._wanted)
        try:
            return await self._in_time(opening.look())
        finally:
            await self._connection.close()

    async def _events(self) -> AsyncIterator[Event]:
        try:
            conversation = await self._opened()
            yield Started(usable(conversation.id))
            if conversation.notice:
                yield Notice(conversation.notice)
            async for event in self._turns(conversation):
                yield event
        except _PromptFailedError as failed:
            yield failed.finished
        except AgentError:
            if not self._is_cancelled:
                raise
            yield Finished(Reason.CANCELLED)
        finally:
            self._reject_all()
            await self._connection.close()

    async def _opened(self) -> Conversation:
        opening = Opening(self._connection, self._process.name, self._wanted)
        try:
            return await self._in_time(opening.conversation())
        except ConversationLostError:
            raise
        except AgentError as error:
            if self._is_cancelled or not opening.is_resuming:
                raise
            raise ConversationLostError(str(error)) from None

    async def _in_time(self, opening: Awaitable[T]) -> T:
        try:
            async with self._explained(), asyncio.timeout(self._patience.start_s):
                return await opening
        except TimeoutError:
            raise self._wire.messages.not_started(self._patience.start_s) from None

    async def _turns(self, conversation: Conversation) -> AsyncIterator[Event]:
        """Yield the events of the prompt, and of what people said about its plans."""
        self._conversation_id = conversation.id
        self._wire.is_deaf = False
        if self._updates.commands is not None:
            yield self._updates.commands
        texts = [*filter(None, (self._wanted.instructions,)), self._wanted.prompt]
        files = file_blocks(self._wanted.files, takes_pictures=conversation.takes_pictures)
        blocks = [*(acp.text_block(text) for text in texts), *files]
        while True:
            async for event in self._turn(blocks):
                yield event
            if self._is_cancelled or not self._reasons:
                break
            blocks, self._reasons = [acp.text_block(each) for each in self._reasons], []
            self._updates.begin_turn()
        yield self._finished

    async def _turn(self, blocks: list[Block]) -> AsyncIterator[Event]:
        prompting = asyncio.create_task(self._prompted(blocks))
        try:
            async for event in self._handed_over():
                yield self._without_question(event)
            async with self._explained():
                response = await prompting
        finally:
            prompting.cancel()
            await asyncio.gather(prompting, return_exceptions=True)
        if response.usage is not None:
            yield self._used(response.usage.total_tokens)
        self._finished = _FINISHED.get(response.stop_reason, _FINISHED["end_turn"])
        if self._finished.reason is Reason.DONE:
            self._check_answer(self._updates.last_words())

    def _check_answer(self, said: str) -> None:
        """Check that the answer is one, as some agents end a turn well after an error.

        Raises:
            AgentError: It is nothing but an error.
        """
        if is_error_alone(said):
            raise self._explanation(acp.RequestError(_INTERNAL_ERROR, on_one_line(said), {}))

    def _without_question(self, event: Event) -> Event:
        """Allow an edit after a plan that was approved with edits, so that nobody is asked."""
        if isinstance(event, PermissionAsked) and self._may_edit:
            once = [each.id for each in event.options if each.kind is OptionKind.ALLOW_ONCE]
            if once and _is_plain_edit(event):
                self._reply(event.id, once[0])
                return Working()
        return event

    def _used(self, tokens: int) -> Usage:
        updates = self._updates
        return Usage(tokens, updates.cost_usd, updates.context_tokens, updates.context_size)

    async def _prompted(self, blocks: list[Block]) -> PromptResponse:
        try:
            response: PromptResponse = await self._connection.prompt(
                session_id=str(self._conversation_id), prompt=[*blocks]
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
        if (finished := self._known_end(error)) is not None:
            return _PromptFailedError(finished)
        said = told(error)
        if error.data is None and (last_words := self._process.stderr_tail):
            said = f"{said}: {on_one_line(last_words)}"
        return self._wire.messages.known(said) or AgentError(
            f"{self._process.name} failed: {said}."
        )

    def _known_end(self, error: acp.RequestError) -> Finished | None:
        """Return the end of a run for which nobody is to blame; None for any other error."""
        data = error.data if isinstance(error.data, dict) else {}
        kind = data.get("errorKind")
        limit = self._updates.limit or limit_in(told(error), data, is_certain=kind == _RATE_LIMITED)
        if limit is not None:
            return Finished(Reason.LIMITED, limit_sentence(self._process.name, limit), limit=limit)
        if kind == _TOO_LONG or is_too_long(told(error)):
            return Finished(Reason.TOO_LONG)
        return None

    def _noted(self, event: Event) -> Event:
        if isinstance(event, InputAsked):
            self._inputs[event.id] = event
        return super()._noted(event)

    def _reply(self, permission_id: str, option_id: str | None) -> None:
        if self._inputs.pop(permission_id, None) is not None:
            self._wire.answer(permission_id, {"action": "cancel"})
        elif option_id is None:
            self._wire.answer(permission_id, {"outcome": {"outcome": "cancelled"}})
        else:
            outcome = {"outcome": "selected", "optionId": option_id}
            self._wire.answer(permission_id, {"outcome": outcome})

    def _fill(self, input_id: str, values: Mapping[str, Value] | None, note: str) -> None:
        asked = self._inputs.pop(input_id)
        if values is None and note:
            values = {each.key: note for each in asked.fields if each.takes_text} or None
        declined = {"action": "decline"}
        self._wire.answer(input_id, accepted(asked, values) if values is not None else declined)

    def _decide(self, plan_id: str, decision: Decision, reason: str) -> None:
        kind = OptionKind.REJECT if decision is Decision.NO else OptionKind.ALLOW_ONCE
        options = self._updates.plan_options.pop(plan_id, ())
        chosen = next((each.id for each in options if each.kind is kind), None)
        self._reply(plan_id, chosen)
        if decision is Decision.NO:
            self._reasons += filter(None, (reason,))
        # To set the mode instead would race with the agent, which leaves its plan mode just now.
        self._may_edit = self._may_edit or decision is Decision.GO_EDITING

    def _ask_to_stop(self) -> bool:
        if self._conversation_id is None:
            return False
        self._wire.notify("session/cancel", {"sessionId": self._conversation_id})
        return True


def _is_plain_edit(asked: PermissionAsked) -> bool:
    """Return whether only ordinary files of the working copy would change."""
    paths = [PurePath(change.path) for change in asked.changes]
    is_hidden = any(part.startswith(".") for path in paths for part in path.parts)
    is_inside = not is_hidden and not any(path.is_absolute() for path in paths)
    return bool(paths) and is_inside and asked.command is None and not asked.detail


class _Client:
    """A client without methods, see Wire."""


class _PromptFailedError(AgentError):
    """The prompt failed in a way that is an end of its own."""

    def __init__(self, finished: Finished) -> None:
        super().__init__(finished.detail)
        self.finished = finished
