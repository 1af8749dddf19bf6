"""Coding agents: one port, three adapters.

``Agent`` is the port. ``AcpAgent``, ``ClaudeAgent`` and ``CommandAgent`` are the adapters;
``LimitedRun`` puts limits on a run of any of them.
"""

from butler_run.agents.acp.agent import AcpAgent
from butler_run.agents.agent import NO_WISHES, Agent, Offer, Past, PromptFile, Run, Wishes
from butler_run.agents.base import Patience
from butler_run.agents.claude.agent import ClaudeAgent
from butler_run.agents.claude.conversations import claude_sessions
from butler_run.agents.command import CommandAgent
from butler_run.agents.environment import allowed_environment
from butler_run.agents.errors import (
    AgentError,
    ConversationLostError,
    LimitReachedError,
    NotReadyError,
)
from butler_run.agents.events import (
    AgentCommand,
    Asked,
    Attached,
    Change,
    CommandsAnnounced,
    Decision,
    Delayed,
    Event,
    Field,
    FieldKind,
    Finished,
    InputAsked,
    Label,
    Mode,
    Notice,
    Option,
    OptionKind,
    PermissionAsked,
    Pictured,
    PlanProposed,
    Reason,
    Started,
    Tasks,
    Text,
    Todo,
    Todos,
    TodoState,
    Tool,
    Usage,
    UsageLimit,
    Value,
    Working,
)
from butler_run.agents.limits import LimitedRun, RunLimits
from butler_run.agents.presets import (
    LOGIN_OF_CLAUDE,
    PRESETS,
    RESUME_OF_CLAUDE,
    HomeFolder,
    Login,
    Preset,
)
from butler_run.agents.process.process import ProcessLimits
from butler_run.agents.usage_limits import WARN_AT

__all__ = [
    "LOGIN_OF_CLAUDE",
    "NO_WISHES",
    "PRESETS",
    "RESUME_OF_CLAUDE",
    "WARN_AT",
    "AcpAgent",
    "Agent",
    "AgentCommand",
    "AgentError",
    "Asked",
    "Attached",
    "Change",
    "ClaudeAgent",
    "CommandAgent",
    "CommandsAnnounced",
    "ConversationLostError",
    "Decision",
    "Delayed",
    "Event",
    "Field",
    "FieldKind",
    "Finished",
    "HomeFolder",
    "InputAsked",
    "Label",
    "LimitReachedError",
    "LimitedRun",
    "Login",
    "Mode",
    "NotReadyError",
    "Notice",
    "Offer",
    "Option",
    "OptionKind",
    "Past",
    "Patience",
    "PermissionAsked",
    "Pictured",
    "PlanProposed",
    "Preset",
    "ProcessLimits",
    "PromptFile",
    "Reason",
    "Run",
    "RunLimits",
    "Started",
    "Tasks",
    "Text",
    "Todo",
    "TodoState",
    "Todos",
    "Tool",
    "Usage",
    "UsageLimit",
    "Value",
    "Wishes",
    "Working",
    "allowed_environment",
    "claude_sessions",
]
