"""Open a conversation with an agent that speaks the Agent Client Protocol."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import acp
from acp.client import ClientSideConnection
from acp.schema import (
    AgentCapabilities,
    ClientCapabilities,
    ElicitationCapabilities,
    ElicitationFormCapabilities,
    Implementation,
    SessionInfo,
)

from butler_run.agents.acp.modes import (
    CATEGORIES,
    ModeChoice,
    Session,
    choice_of_mode,
    modes_in,
    option_of,
)
from butler_run.agents.agent import LONGEST_TITLE, NO_WISHES, Offer, Past, PromptFile, Wishes
from butler_run.agents.conversation_ids import usable
from butler_run.agents.errors import AgentError, ConversationLostError
from butler_run.agents.events import Mode
from butler_run.agents.text import on_one_line

AUTH_REQUIRED = -32000
ALIVE_S = 15 * 60.0
"""How long ago a conversation may have changed that another process may still write to."""

_MOST_SESSIONS = 20

# Keeps claude-agent-acp from .claude and .mcp.json of a working copy; other agents ignore it.
_USER_SETTINGS = {"options": {"settingSources": ["user"]}}

# Lets claude-agent-acp say when Claude tries a request again; other agents ignore it.
_RETRIES = {"emitRawSDKMessages": [{"type": "system", "subtype": "api_retry"}]}

_CAUSES = ("details", "message", "error")
_LOST = re.compile(
    r"(?:session|conversation|thread)\b.{0,80}?\b(?:not found|does not exist|unknown|expired)"
    r"|(?:no|unknown|invalid) (?:such )?(?:session|conversation|thread)\b",
    re.IGNORECASE,
)

# Without form, agents such as claude-agent-acp keep their questions to themselves.
_CAPABILITIES = ClientCapabilities(
    elicitation=ElicitationCapabilities(form=ElicitationFormCapabilities())
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parameters of a run, see ``Agent.start``."""

    prompt: str
    folder: Path
    conversation_id: str | None
    wishes: Wishes = NO_WISHES
    instructions: str = ""
    is_trusted: bool = False
    files: tuple[PromptFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """An open conversation, with a ``notice`` for the chat, which may be empty.

    ``takes_pictures`` says whether prompts may have pictures in them.
    """

    id: str
    notice: str
    takes_pictures: bool = False


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
        self._takes_pictures = False

    async def conversation(self) -> Conversation:
        """Open the conversation in the wanted mode.

        Raises:
            AgentError: The agent cannot be used safely.
            ConversationLostError: The wanted conversation cannot be resumed.
            acp.RequestError: The agent refused.
        """
        capabilities = await self._initialized()
        wanted_id = self._wanted.conversation_id
        if wanted_id is None:
            new = await self._connection.new_session(
                cwd=self._cwd, mcp_servers=[], **self._settings
            )
            return await self._opened(new.session_id, new)
        self.is_resuming = True
        if self._wanted.wishes.is_forked:
            wanted_id = await self._forked(wanted_id, capabilities)
        resumed = await self._resumed(wanted_id, capabilities)
        self.is_resuming = False
        return await self._opened(wanted_id, resumed)

    async def look(self) -> Offer:
        """Return what the agent offers, with its conversations in the folder if it lists them.

        Raises:
            AgentError: The agent cannot be used.
            acp.RequestError: The agent refused.
        """
        capabilities = await self._initialized()
        new = await self._connection.new_session(cwd=self._cwd, mcp_servers=[], **self._settings)
        found = None
        if capabilities.session_capabilities and capabilities.session_capabilities.list:
            listed = await self._connection.list_sessions(cwd=self._cwd)
            found = tuple(_pasts(listed.sessions, self._cwd, new.session_id))
        return replace(_offer(new), conversations=found)

    async def _initialized(self) -> AgentCapabilities:
        agent = await self._connection.initialize(
            protocol_version=acp.PROTOCOL_VERSION,
            client_capabilities=_CAPABILITIES,
            client_info=Implementation(name="butler", version="1"),
        )
        found = agent.agent_capabilities or AgentCapabilities()
        of_prompts = found.prompt_capabilities
        self._takes_pictures = bool(of_prompts and of_prompts.image)
        return found

    async def _forked(self, wanted_id: str, capabilities: AgentCapabilities) -> str:
        of_sessions = capabilities.session_capabilities
        if not (of_sessions and of_sessions.fork):
            self.is_resuming = False
            raise AgentError(
                f"{self._name} cannot copy a conversation, and another program may still be using "
                "this one. Close it there, wait 15 minutes, then /continue again."
            )
        forked = await self._connection.fork_session(
            cwd=self._cwd, session_id=wanted_id, mcp_servers=[], **self._settings
        )
        return str(forked.session_id)

    async def _resumed(self, wanted_id: str, capabilities: AgentCapabilities) -> Session:
        try:
            return await self._reopened(wanted_id, capabilities)
        except acp.RequestError as error:
            if error.code == AUTH_REQUIRED:
                self.is_resuming = False
                raise
            raise ConversationLostError(
                f"{self._name} cannot resume the conversation: {told(error)}."
            ) from None

    async def _reopened(self, wanted_id: str, capabilities: AgentCapabilities) -> Session:
        session: Session
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

    async def _opened(self, conversation_id: str, session: Session) -> Conversation:
        notices = [
            await self._choose(conversation_id, "model", self._wanted.wishes.model, session),
            await self._choose(conversation_id, "effort", self._wanted.wishes.effort, session),
            await self._in_mode(conversation_id, session),
        ]
        notice = " ".join(each for each in notices if each)
        return Conversation(conversation_id, notice, self._takes_pictures)

    async def _choose(
        self, conversation_id: str, what: str, value: str | None, session: Session
    ) -> str:
        """Choose a model or an effort; return a sentence if that is not possible."""
        option = option_of(CATEGORIES[what], session)
        if value is None or (option is not None and option.current == value):
            return ""
        if option is None or value not in {each.value for each in option.labels}:
            return f"{self._name} offers no {what} {value} here; it uses its default."
        try:
            await self._set(conversation_id, value, option.id)
        except acp.RequestError as error:
            return f"{self._name} rejected the {what} {value}: {told(error)}."
        return ""

    async def _in_mode(self, conversation_id: str, session: Session) -> str:
        """Set the wanted mode; return a sentence if that is not possible."""
        choice = choice_of_mode(self._wanted.wishes.mode, session)
        if choice.id is None:
            return self._unset(choice)
        try:
            await self._set(conversation_id, choice.id, choice.option_id)
        except acp.RequestError as error:
            return self._not_taken(choice, told(error))
        return ""

    async def _set(self, conversation_id: str, value: str, option_id: str | None) -> None:
        if option_id is None:
            await self._connection.set_session_mode(session_id=conversation_id, mode_id=value)
        else:
            await self._connection.set_config_option(
                config_id=option_id, session_id=conversation_id, value=value
            )

    def _unset(self, choice: ModeChoice) -> str:
        if choice.is_unasking and self._wanted.wishes.mode is not Mode.BYPASS:
            raise AgentError(
                f"{self._name} acts without asking and offers no mode in which it asks."
            )
        if not choice.is_missing:
            return ""
        mode = self._wanted.wishes.mode
        return f"{self._name} has no mode like {mode}; it stays in its default mode."

    def _not_taken(self, choice: ModeChoice, why: str) -> str:
        sentence = f"{self._name} rejected the mode {self._wanted.wishes.mode}: {why}"
        if choice.is_unasking and self._wanted.wishes.mode is not Mode.BYPASS:
            raise AgentError(f"{sentence}. In its default mode it acts without asking.")
        return f"{sentence}. It stays in its default mode."

    @property
    def _settings(self) -> dict[str, Any]:
        """The ``_meta`` of each request that opens a session; none persists across requests."""
        own = {} if self._wanted.is_trusted else _USER_SETTINGS
        return {"claudeCode": {**_RETRIES, **own}}

    @property
    def _cwd(self) -> str:
        return str(self._wanted.folder)


def _offer(session: Session) -> Offer:
    model, effort = (option_of(CATEGORIES[what], session) for what in ("model", "effort"))
    return Offer(
        models=model.labels if model else (),
        model=model.current if model else "",
        efforts=effort.labels if effort else (),
        effort=effort.current if effort else "",
        modes=modes_in(session),
    )


def _pasts(sessions: Iterable[SessionInfo], folder: str, own_id: str) -> Iterator[Past]:
    """Yield the sessions of a folder; one without a known time may be alive."""
    for each in islice(sessions, _MOST_SESSIONS):
        is_own = each.cwd == folder and each.session_id != own_id
        if not is_own or usable(each.session_id) is None:
            continue
        changed_at = _seconds(each.updated_at)
        may_be_alive = changed_at is None or time.time() - changed_at < ALIVE_S
        title = on_one_line(each.title or "", LONGEST_TITLE)
        yield Past(each.session_id, title, changed_at, may_be_alive=may_be_alive)


def _seconds(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text or "").timestamp()
    except (ValueError, OverflowError):
        return None


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
