"""Settings: ``[plugins.run]`` and its keys in ``[repos.<name>]``."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from butler import Seconds, Settings, folded
from butler_run.agents import PRESETS, Mode

MaxOutput = Annotated[int, Field(ge=1, le=10_000)]
Command = Annotated[tuple[str, ...], Field(min_length=1)]
SandboxChoice = Literal["auto", "bwrap", "off"]
Megabytes = Annotated[int, Field(ge=1)]
Processes = Annotated[int, Field(ge=1)]
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(:[0-9]{1,5})?")


def _checked_host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise ValueError("a host is written as example.org, *.example.org or example.org:8443")
    return host.lower()


def _checked_path(path: str) -> str:
    if not path.startswith(("/", "~/")) or "\0" in path:
        raise ValueError("a path begins with / or ~/")
    return path


AbsolutePath = Annotated[str, AfterValidator(_checked_path)]
Host = Annotated[str, Field(max_length=260), AfterValidator(_checked_host)]
Network = Literal["on", "off"] | tuple[Host, ...]


Approvers = Literal["requester", "member", "owner"]
"""Who may answer an agent's questions: the requester, every user of /run, or owners only."""


class BoundarySettings(Settings):
    """The sandbox, network and limits of an agent; overrides ``[plugins.run]``."""

    sandbox: SandboxChoice | None = None
    network: Network | None = None
    max_memory_mb: Megabytes | None = None
    max_processes: Processes | None = None
    max_disk_mb: Megabytes | None = None
    max_file_mb: Megabytes | None = None


class AgentSettings(BoundarySettings):
    """``[plugins.run.agents.<name>]``; the environment variables are names, never values."""

    kind: Literal["acp", "claude", "command"] = "acp"
    command: Command | None = None
    mode: Mode | None = None
    env: tuple[str, ...] = ()
    time_limit: Seconds = 30 * 60.0
    silence_limit: Seconds = 10 * 60.0
    wall_limit: Seconds = 2 * 3600.0
    max_output_mb: MaxOutput = 50
    readable: tuple[AbsolutePath, ...] = ()
    writable: tuple[AbsolutePath, ...] = ()


class RunSettings(Settings):
    """``[plugins.run]``."""

    agent: str = "claude"
    max_runs: Annotated[int, Field(ge=1, le=100)] = 4
    max_snapshot_mb: Annotated[int, Field(ge=1, le=10_000)] = 100
    max_queued: Annotated[int, Field(ge=0, le=100)] = 5
    max_runs_per_hour: Annotated[int, Field(ge=1)] = 6
    max_runs_per_day: Annotated[int, Field(ge=1)] | None = None
    max_cost_usd_per_day: Annotated[float, Field(gt=0)] | None = None
    audit_prompts: bool = True
    approvers: Approvers = "requester"
    question_limit: Seconds = 15 * 60.0
    park: bool = False
    sandbox: SandboxChoice = "auto"
    network: Network = "on"
    max_memory_mb: Megabytes = 8_000
    max_processes: Processes = 1_000
    max_disk_mb: Megabytes = 10_000
    max_file_mb: Megabytes = 4_000
    agents: dict[str, AgentSettings] = Field(default_factory=dict)

    @field_validator("agents", mode="before")
    @classmethod
    def _name_agents(cls, agents: object) -> object:
        """Give presets their own spelling; refuse two names that differ in no more than that."""
        if not isinstance(agents, dict):
            return agents
        named: dict[object, object] = {}
        for name, agent in agents.items():
            known = _same(name, [*named, *PRESETS]) if isinstance(name, str) else None
            if known in named:
                raise ValueError(f"agents.{known} and agents.{name} have the same name")
            named[known or name] = agent
        return named

    @model_validator(mode="after")
    def _check_agents(self) -> Self:
        for name, agent in self.agents.items():
            if agent.command is None and agent.kind != "claude" and name not in PRESETS:
                raise ValueError(f"agents.{name} needs a command")
            if agent.command is None and agent.kind == "command":
                raise ValueError(f"agents.{name} needs a command")
        if self.spelled(self.agent) not in self.agent_names:
            raise ValueError(
                f"agent {self.agent} is unknown (known: {', '.join(self.agent_names)})"
            )
        return self

    @property
    def agent_names(self) -> tuple[str, ...]:
        """The names of all agents: the configured ones and the presets."""
        return tuple(sorted({*self.agents, *PRESETS}))

    def spelled(self, name: str) -> str:
        """Return the name of an agent as it is configured: case and composition do not matter."""
        return _same(name, self.agent_names) or name


class RepoRunSettings(BoundarySettings):
    """The keys for runs in ``[repos.<name>]``."""

    agent: str | None = None
    agents: tuple[str, ...] | None = None
    mode: Mode | None = None
    approvers: Approvers | None = None
    time_limit: Seconds = None
    silence_limit: Seconds = None
    wall_limit: Seconds = None
    max_output_mb: MaxOutput | None = None


def _same(name: str, names: Iterable[object]) -> str | None:
    """Return the one of ``names`` that is the same name, however it is typed."""
    key = folded(name)
    return next((each for each in names if isinstance(each, str) and folded(each) == key), None)
