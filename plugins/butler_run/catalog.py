"""The agents that can be chosen by name."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from butler import Finding, Repo, UserError
from butler_run.agents import (
    PRESETS,
    AcpAgent,
    Agent,
    ClaudeAgent,
    CommandAgent,
    Mode,
    ProcessLimits,
    RunLimits,
    allowed_environment,
)
from butler_run.settings import AgentSettings, RepoRunSettings, RunSettings


@dataclass(frozen=True, slots=True)
class Choice:
    """An agent, and how it runs in one repo.

    Attributes:
        is_program: It is a plain program, so what it prints is no more than that.
    """

    name: str
    agent: Agent
    is_program: bool
    mode: Mode
    environment: dict[str, str]
    limits: RunLimits


class Catalog:
    """What the configuration says about agents."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return self._settings.agent_names

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values of all variables that are passed to agents by configuration."""
        names = {name for agent in self._settings.agents.values() for name in agent.env}
        environment = allowed_environment(names)
        return tuple(environment[each] for each in names if each in environment)

    def findings(self, repos: Sequence[Repo]) -> list[Finding]:
        """Return a line on each agent that is configured or used by default, and on wrong names."""
        named = {repo.name: agent for repo in repos if (agent := options_of(repo).agent)}
        used = {*self._settings.agents, self._settings.agent, *named.values()}
        known = ", ".join(self.names)
        return [
            *(self._finding(each) for each in sorted(used.intersection(self.names))),
            *(
                Finding(False, f"repo {repo}", f"its agent {agent} is none of {known}")
                for repo, agent in named.items()
                if agent not in self.names
            ),
        ]

    def _finding(self, name: str) -> Finding:
        if problem := self.problem(name):
            is_configured = name in self._settings.agents
            return Finding(not is_configured, f"agent {name}", problem, is_note=not is_configured)
        program = self._program(name)
        detail = f"{program} in each repo" if _is_in_repo(program) else str(shutil.which(program))
        return Finding(True, f"agent {name}", detail)

    def problem(self, name: str) -> str:
        """Look at the disk: return a sentence if an agent is not installed, else nothing."""
        program = self._program(name)
        if _is_in_repo(program) or shutil.which(program):
            return ""
        preset = PRESETS.get(name)
        how = f" {preset.how_to_get}" if preset else ""
        return f"{program} is not installed, so /run cannot use it.{how}"

    def _program(self, name: str) -> str:
        settings = self._settings.agents.get(name, AgentSettings())
        return _command(name, settings)[0]

    def check(self, name: str) -> None:
        """Refuse a name that is none.

        Raises:
            UserError: There is no such agent; the text lists them.
        """
        if name not in self.names:
            raise UserError(f"There is no agent {name}. Known: {', '.join(self.names)}.")

    def choose(self, repo: Repo, wanted: str | None) -> Choice:
        """Return the agent for ``repo``: the chat's choice, else the repo's, else the default.

        Raises:
            UserError: The repo names an agent that there is not.
        """
        of_repo = options_of(repo)
        name = wanted or of_repo.agent or self._settings.agent
        self.check(name)
        settings = self._settings.agents.get(name, AgentSettings())
        mode = of_repo.mode or settings.mode
        held_to = _held_to(mode, name, settings, is_trusted=repo.is_trusted)
        environment = held_to | allowed_environment(settings.env)
        return Choice(
            name=name,
            agent=_agent(name, settings, of_repo, is_trusted=repo.is_trusted),
            is_program=settings.kind == "command",
            mode=mode,
            environment=environment,
            limits=RunLimits(
                of_repo.time_limit or settings.time_limit or inf,
                of_repo.silence_limit or settings.silence_limit or inf,
            ),
        )


def _is_in_repo(program: str) -> bool:
    """Return whether a program is looked for in the repo, see ``spawned``."""
    return "/" in program and not program.startswith("/")


def options_of(repo: Repo) -> RepoRunSettings:
    """Return what the configuration says of runs in ``repo``."""
    options = repo.options.get("run")
    return options if isinstance(options, RepoRunSettings) else RepoRunSettings()


def _agent(
    name: str, settings: AgentSettings, of_repo: RepoRunSettings, *, is_trusted: bool
) -> Agent:
    max_output_mb = of_repo.max_output_mb or settings.max_output_mb
    limits = ProcessLimits(output_bytes=max_output_mb * 1_000_000)
    command = _command(name, settings)
    match settings.kind:
        case "claude":
            return ClaudeAgent(command, limits, is_trusted=is_trusted)
        case "command":
            return CommandAgent(command, limits)
        case "acp":
            preset = PRESETS.get(name)
            how_to_get = preset.how_to_get if preset and settings.command is None else ""
            return AcpAgent(command, limits, how_to_get=how_to_get, is_trusted=is_trusted)


def _held_to(mode: Mode, name: str, settings: AgentSettings, *, is_trusted: bool) -> dict[str, str]:
    preset = PRESETS.get(name) if settings.kind == "acp" else None
    if preset is None:
        return {}
    return {**preset.environment.get(mode, {}), **({} if is_trusted else preset.untrusted)}


def _command(name: str, settings: AgentSettings) -> tuple[str, ...]:
    if settings.command is not None:
        program, *arguments = settings.command
        is_at_home = program.startswith("~")
        return (str(Path(program).expanduser()) if is_at_home else program, *arguments)
    return ("claude",) if settings.kind == "claude" else PRESETS[name].command
