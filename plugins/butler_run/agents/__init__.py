"""Coding agents: one port, three adapters.

``Agent`` is the port. ``AcpAgent``, ``ClaudeAgent`` and ``CommandAgent`` are the adapters;
``LimitedRun`` puts limits on a run of any of them.
"""

from butler_run.agents.acp.agent import AcpAgent
from butler_run.agents.agent import (
    Agent,
    AgentCommand,
    Change,
    CommandsAnnounced,
    Event,
    Finished,
    Mode,
    Notice,
    Option,
    OptionKind,
    PermissionAsked,
    Reason,
    Run,
    Started,
    Text,
    Tool,
    Usage,
    Working,
)
from butler_run.agents.base import Patience
from butler_run.agents.claude import ClaudeAgent
from butler_run.agents.command import CommandAgent
from butler_run.agents.environment import allowed_environment
from butler_run.agents.errors import (
    AgentError,
    ConversationLostError,
    LimitReachedError,
)
from butler_run.agents.limits import LimitedRun, RunLimits
from butler_run.agents.presets import LOGIN_OF_CLAUDE, PRESETS, HomeFolder, Login, Preset
from butler_run.agents.process.process import ProcessLimits

__all__ = [
    "LOGIN_OF_CLAUDE",
    "PRESETS",
    "AcpAgent",
    "Agent",
    "AgentCommand",
    "AgentError",
    "Change",
    "ClaudeAgent",
    "CommandAgent",
    "CommandsAnnounced",
    "ConversationLostError",
    "Event",
    "Finished",
    "HomeFolder",
    "LimitReachedError",
    "LimitedRun",
    "Login",
    "Mode",
    "Notice",
    "Option",
    "OptionKind",
    "Patience",
    "PermissionAsked",
    "Preset",
    "ProcessLimits",
    "Reason",
    "Run",
    "RunLimits",
    "Started",
    "Text",
    "Tool",
    "Usage",
    "Working",
    "allowed_environment",
]
