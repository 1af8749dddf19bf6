"""The transport between Butler and an agent that speaks the Agent Client Protocol.

Answers to Butler's requests go to the package ``agent-client-protocol``. The agent's own requests
and notifications are handled here: this keeps their order, applies back-pressure, and tolerates
updates that the package does not know.
"""

import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from butler_run.agents.acp.elicitation import form_of
from butler_run.agents.acp.updates import Updates
from butler_run.agents.delays import delay_of_claude
from butler_run.agents.errors import AgentError
from butler_run.agents.events import Event
from butler_run.agents.process.json_lines import Messages
from butler_run.agents.process.process import AgentProcess

logger = logging.getLogger(__name__)

_METHOD_NOT_FOUND = -32601

Params = dict[str, Any]


class Wire:
    """A transport for ``acp.connect_to_agent``.

    Args:
        process: The agent.
        updates: Translates the agent's messages.
        hand_over: Takes the events; nothing more is read until it returns.

    Attributes:
        error: The reason for the end of the wire, unless the process ended.
        is_deaf: Updates other than slash commands are skipped, as at the start, because an agent
            that resumes a conversation replays all of it.
    """

    def __init__(
        self,
        process: AgentProcess,
        updates: Updates,
        hand_over: Callable[[list[Event]], Awaitable[None]],
    ) -> None:
        self.error: AgentError | None = None
        self.is_deaf = True
        self.messages = Messages(process, _is_protocol)
        self._process = process
        self._reading = aiter(self.messages)
        self._updates = updates
        self._hand_over = hand_over
        self._answers: deque[dict[str, Any]] = deque()
        self._request_ids: dict[str, Any] = {}

    async def receive(self) -> dict[str, Any] | None:
        """Return the next answer of the agent; None at the end, which releases all requests."""
        try:
            while not self._answers:
                await self._sort(await anext(self._reading))
        except StopAsyncIteration:
            return None
        except AgentError as error:
            self.error = error
            return None
        except Exception:  # the boundary to agents: no request may wait forever
            logger.exception("%s sent a message that could not be handled", self._process.name)
            self.error = AgentError(
                f"{self._process.name} sent something that Butler does not understand."
            )
            return None
        return self._answers.popleft()

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self._post(message)

    async def close(self) -> None:
        """Do nothing: the process owns the pipes."""

    def notify(self, method: str, params: Params) -> None:
        """Send the agent a notification."""
        self._post({"jsonrpc": "2.0", "method": method, "params": params})

    def answer(self, question_id: str, result: Params) -> None:
        """Answer a request for permission or input."""
        self._respond(self._request_ids.pop(question_id), {"result": result})

    async def _sort(self, messages: list[dict[str, Any]]) -> None:
        events: list[Event] = []
        for message in messages:
            if "method" in message:
                events += self._events(message)
            else:
                self._answers.append(message)
        if events:
            await self._hand_over(events)

    def _events(self, message: dict[str, Any]) -> Iterable[Event]:
        params = _object(message, "params")
        if message["method"] == "session/update":
            return self._updated(_object(params, "update"))
        if message["method"] == "_claude/sdkMessage":
            return self._retried(_object(params, "message"))
        if "id" not in message:
            return ()
        if message["method"] == "session/request_permission":
            question_id = json.dumps(message["id"])
            self._request_ids[question_id] = message["id"]
            return (self._updates.question(question_id, params),)
        if message["method"] == "elicitation/create":
            return self._input_asked(message["id"], params)
        error = {"code": _METHOD_NOT_FOUND, "message": "Method not found"}
        self._respond(message["id"], {"error": error})
        return ()

    def _updated(self, update: Params) -> Iterable[Event]:
        if not self.is_deaf:
            return self._updates.events(update)
        self._updates.note_commands(update)
        return ()

    def _retried(self, message: Params) -> Iterable[Event]:
        if message.get("subtype") != "api_retry":
            return ()
        self.messages.check_retry(message)
        return () if self.is_deaf else (delay_of_claude(message),)

    def _input_asked(self, request_id: Any, params: Params) -> Iterable[Event]:
        question_id = json.dumps(request_id)
        asked = form_of(question_id, params)
        if asked is None:
            self._respond(request_id, {"result": {"action": "decline"}})
            return ()
        self._request_ids[question_id] = request_id
        return (asked,)

    def _respond(self, request_id: Any, answer: dict[str, Any]) -> None:
        self._post({"jsonrpc": "2.0", "id": request_id, **answer})

    def _post(self, message: dict[str, Any]) -> None:
        self._process.write(json.dumps(message).encode() + b"\n")


def _is_protocol(message: dict[str, Any]) -> bool:
    """Return whether a JSON object is a call or an answer, see the JSON-RPC 2.0 specification."""
    if "method" in message:
        return isinstance(message["method"], str)
    is_scalar = isinstance(message.get("id"), int | str) and not isinstance(message["id"], bool)
    is_answer = "result" in message or isinstance(message.get("error"), dict)
    return message.get("jsonrpc") == "2.0" and is_scalar and is_answer


def _object(params: Params, key: str) -> Params:
    value = params.get(key)
    return value if isinstance(value, dict) else {}
