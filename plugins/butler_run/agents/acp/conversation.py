"""Open a conversation with an agent that speaks the Agent Client Protocol."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import acp
from acp.client import ClientSideConnection
from acp.schema import (
    AgentCapabilities,
    ClientCapabilities,
    Implementation,
    LoadSessionResponse,
    NewSessionResponse,
    ResumeSessionResponse,
)

from butler_run.agents.acp.modes import ModeChoice, choice_of_mode
from butler_run.agents.agent import Mode
from butler_run.agents.errors import AgentError, ConversationLostError
from butler_run.agents.text import on_one_line

AUTH_REQUIRED = -32000

# Keeps claude-agent-acp from .claude and .mcp.json of a working copy; other agents ignore it.
_USER_SETTINGS = {"claudeCode": {"options": {"settingSources": ["user"]}}}

_CAUSES = ("details", "message", "error")
_LOST = re.compile(
    r"(?:session|conversation|thread)\b.{0,80}?\b(?:not found|does not exist|unknown|expired)"
    r"|(?:no|unknown|invalid) (?:such )?(?:session|conversation|thread)\b",
    re.IGNORECASE,
)

_Session = NewSessionResponse | LoadSessionResponse | ResumeSessionResponse


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parameters of a run, see ``Agent.start``."""

    prompt: str
    folder: Path
    conversation_id: str | None
    mode: Mode
    instructions: str = ""
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """An open conversation, with a ``notice`` for the chat."""

    id: str
    notice: str = ""


class Opening:
    """The steps from a connection to a conversation.

    Attributes:
        is_resuming: The agent is resuming a conversation.
    """

    def __init__(
        self,
        connection: ClientSideConnection,
        agent_name: str,
        wanted: Wanted,
    ) -> None:
        self._connection = connection
        self._name = agent_name
        self._wanted = wanted
        self.is_resuming = False

    async def conversation(self) -> Conversation:
        """Open the conversation in the wanted mode.

        Raises:
            AgentError: The agent cannot be used safely.
            ConversationLostError: The wanted conversation cannot be resumed.
            acp.RequestError: The agent refused.
        """
        agent = await self._connection.initialize(
            protocol_version=acp.PROTOCOL_VERSION,
            client_capabilities=ClientCapabilities(),
            client_info=Implementation(name="butler", version="1"),
        )
        if self._wanted.conversation_id is None:
            new = await self._connection.new_session(
                cwd=self._cwd, mcp_servers=[], **self._settings
            )
            return await self._in_mode(new.session_id, new)
        capabilities = agent.agent_capabilities or AgentCapabilities()
        self.is_resuming = True
        resumed = await self._resumed(self._wanted.conversation_id, capabilities)
        self.is_resuming = False
        return await self._in_mode(self._wanted.conversation_id, resumed)

    async def _resumed(self, wanted_id: str, capabilities: AgentCapabilities) -> _Session:
        try:
            return await self._reopened(wanted_id, capabilities)
        except acp.RequestError as error:
            if error.code == AUTH_REQUIRED:
                self.is_resuming = False
                raise
            raise ConversationLostError(
                f"{self._name} cannot resume the conversation: {told(error)}."
            ) from None

    async def _reopened(self, wanted_id: str, capabilities: AgentCapabilities) -> _Session:
        session: _Session
        session_capabilities = capabilities.session_capabilities
        if session_capabilities and session_capabilities.resume:
            session = await self._connection.resume_session(
                cwd=self._cwd, session_id=wanted_id, mcp_servers=[], **self._settings
            )
            return session
        if not capabilities.load_session:
            raise ConversationLostError(
                f"{self._name} cannot resume conversations.", can_resume_others=False
            )
        session = await self._connection.load_session(
            cwd=self._cwd, session_id=wanted_id, mcp_servers=[], **self._settings
        )
        return session

    async def _in_mode(self, conversation_id: str, session: _Session) -> Conversation:
        choice = choice_of_mode(self._wanted.mode, session)
        if choice.id is None:
            return Conversation(conversation_id, self._unset(choice))
        try:
            await self._set(conversation_id, choice.id, choice.option_id)
        except acp.RequestError as error:
            return Conversation(conversation_id, self._not_taken(choice, told(error)))
        return Conversation(conversation_id)

    async def _set(self, conversation_id: str, mode_id: str, option_id: str | None) -> None:
        if option_id is None:
            await self._connection.set_session_mode(session_id=conversation_id, mode_id=mode_id)
        else:
            await self._connection.set_config_option(
                config_id=option_id, session_id=conversation_id, value=mode_id
            )

    def _unset(self, choice: ModeChoice) -> str:
        if choice.is_unasking and self._wanted.mode is not Mode.BYPASS:
            raise AgentError(
                f"{self._name} acts without asking and offers no mode in which it asks."
            )
        if not choice.is_missing:
            return ""
        return f"{self._name} has no mode like {self._wanted.mode}; it stays in its default mode."

    def _not_taken(self, choice: ModeChoice, why: str) -> str:
        sentence = f"{self._name} rejected the mode {self._wanted.mode}: {why}"
        if choice.is_unasking and self._wanted.mode is not Mode.BYPASS:
            raise AgentError(f"{sentence}. In its default mode it acts without asking.")
        return f"{sentence}. It stays in its default mode."

    @property
    def _settings(self) -> dict[str, Any]:
        """The ``_meta`` of each request that opens a session; none persists across requests."""
        return {} if self._wanted.is_trusted else _USER_SETTINGS

    @property
    def _cwd(self) -> str:
        return str(self._wanted.folder)


def told(error: acp.RequestError) -> str:
    """Return the text of an error with its cause, which agents put into the data."""
    details = _cause(error.data)
    said = str(error)
    return on_one_line(f"{said}: {details}" if details and details != said else said)


def is_lost(error: acp.RequestError) -> bool:
    """Return whether an error means that the agent does not know the conversation."""
    return _LOST.search(told(error)) is not None


def _cause(data: object) -> str:
    """Return the text in the ``data`` of an error, from any of the usual places."""
    if not isinstance(data, dict):
        return "" if data is None else str(data)
    found = next((data[key] for key in _CAUSES if data.get(key)), "")
    return _cause(found) if isinstance(found, dict) else str(found)
