"""The catalog of agents."""

import shutil
from collections.abc import Iterable, Sequence
from math import inf
from pathlib import Path
from typing import TypeVar

from butler import Finding, Repo, UserError
from butler_run.agents import (
    PRESETS,
    Mode,
    RunLimits,
    Wishes,
    allowed_environment,
)
from butler_run.agents.process.starting import missing
from butler_run.agents.readiness import (
    interpreter_problem,
    login_problem,
)
from butler_run.agents.versions import version_finding
from butler_run.choice import NOTHING_CHOSEN, Choice, Chosen
from butler_run.configured import (
    ceiling_of,
    command_of,
    default_mode_of,
    environment_of,
    held_to,
    home_of,
    is_in_repo,
    login_of,
    made,
    options_of,
    resume_of,
)
from butler_run.sandbox.boundary import Boundary, Limits
from butler_run.sandbox.findings import InstalledAgent
from butler_run.settings import AgentSettings, RepoRunSettings, RunSettings
from butler_run.snapshots.working_copy import working_copy

T = TypeVar("T")

_HOSTS: dict[str, tuple[str, ...] | None] = {"on": None, "off": ()}

_CANNOT_USE = ", so /run cannot use it"


class Catalog:
    """The agents from the configuration, and the presets."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings

    def follow(self, settings: RunSettings) -> None:
        """Go by these settings from now on."""
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
        """Check each agent that is configured or used by default, and report unknown names."""
        named = [(repo, name) for repo in repos for name in _named(self._options(repo))]
        used = self._used(repos)
        checked = {*used, *(name for _repo, name in named)}.intersection(self.names)
        known = ", ".join(self.names)
        return [
            *(self._finding(each, is_used=each in used) for each in sorted(checked)),
            *(
                Finding(False, f"repo {repo.name}", f"unknown agent {name} (known: {known})")
                for repo, name in named
                if name not in self.names
            ),
            *(
                Finding(False, f"repo {repo.name}", problem)
                for repo in repos
                if (problem := self._barred(repo, self._default(self._options(repo))))
            ),
        ]

    def greeting(self, repos: Sequence[Repo]) -> str:
        """Say which agent works by default, or what it still needs; blocking."""
        first = next(iter(repos), None)
        name = self._default(self._options(first)) if first else self._settings.agent
        finding = self._finding(self._settings.spelled(name), is_used=True)
        if finding.is_fine:
            return f"/run <prompt> lets {name} work in the active repo."
        return f"/run needs an agent: {finding.detail.replace(_CANNOT_USE, '')}"

    def versions(self, repos: Sequence[Repo]) -> list[Finding]:
        """Ask each known agent that is used for its version; others might take that for work."""
        findings = []
        for name in sorted(self._used(repos).intersection(PRESETS, self.names)):
            settings = self._settings.agents.get(name, AgentSettings())
            program = command_of(name, settings)[0]
            # npx would download it first.
            found = None if program == "npx" or is_in_repo(program) else shutil.which(program)
            if found is not None:
                findings.append(version_finding(name, found, environment_of(settings, program)))
        return findings

    def _finding(self, name: str, *, is_used: bool) -> Finding:
        """Check one agent; what nothing would use can only be worth a note."""
        settings = self._settings.agents.get(name, AgentSettings())
        program = command_of(name, settings)[0]
        environment = environment_of(settings, program)
        if is_in_repo(program):
            return Finding(True, f"agent {name}", f"{program} in each repo")
        found = Path(shutil.which(program) or program)
        problem = (
            self.problem(name)
            or interpreter_problem(found, environment)
            or login_problem(login_of(name, settings), environment)
        )
        is_wrong = bool(problem) and is_used
        is_note = bool(problem) and not is_used
        return Finding(not is_wrong, f"agent {name}", problem or str(found), is_note=is_note)

    def _used(self, repos: Sequence[Repo]) -> set[str]:
        """Return the agents that are configured, or would work where a chat chooses none."""
        defaults = {self._default(self._options(each)) for each in repos}
        defaults = defaults or {self._settings.spelled(self._settings.agent)}
        return {*self._settings.agents, *defaults}

    def problem(self, name: str) -> str:
        """Check the disk; return a sentence if an agent is not installed, else nothing."""
        program = self._program(name)
        if is_in_repo(program) or shutil.which(program):
            return ""
        preset = PRESETS.get(name)
        how = f" {preset.how_to_get}" if preset else ""
        return f"{missing(program, Path(program))}{_CANNOT_USE}.{how}"

    def _program(self, name: str) -> str:
        settings = self._settings.agents.get(name, AgentSettings())
        return command_of(name, settings)[0]

    def spelled(self, name: str) -> str:
        """Return the name of an agent as it is configured, in whatever case it is written.

        Raises:
            UserError: No such agent; the text lists all of them.
        """
        spelled = self._settings.spelled(name)
        if spelled not in self.names:
            raise UserError(f"No agent called {name}. Known: {', '.join(self.names)}.")
        return spelled

    def names_in(self, repo: Repo) -> list[str]:
        """Return the names of the agents that may work in a repo, sorted."""
        return [name for name in self.names if not self._barred(repo, name)]

    def check_in(self, repo: Repo, name: str) -> None:
        """Refuse an agent that the configuration keeps out of a repo.

        Raises:
            UserError: It is kept out; the text says by what.
        """
        if problem := self._barred(repo, name):
            raise UserError(problem)

    def _barred(self, repo: Repo, name: str) -> str:
        """Return a sentence if the configuration keeps an agent out of a repo, else nothing."""
        of_repo = self._options(repo)
        if of_repo.agents is not None and name not in of_repo.agents:
            allowed = ", ".join(of_repo.agents) or "none"
            return f"{name} may not work in *{repo.name}*. Agents that may: {allowed}."
        is_program = self._settings.agents.get(name, AgentSettings()).kind == "command"
        if is_program and of_repo.mode not in {None, Mode.BYPASS}:
            return (
                f"{name} may not work in *{repo.name}*: it is a program, which asks nobody, and "
                f'there mode = "{of_repo.mode}" holds. /agent lists the others.'
            )
        return ""

    def _options(self, repo: Repo) -> RepoRunSettings:
        """Return the settings for runs in ``repo``, with the agents' names as configured."""
        options, spelled = options_of(repo), self._settings.spelled
        if options.agent is None and options.agents is None:
            return options
        agents = None if options.agents is None else tuple(map(spelled, options.agents))
        agent = options.agent and spelled(options.agent)
        return options.model_copy(update={"agent": agent, "agents": agents})

    def _default(self, of_repo: RepoRunSettings) -> str:
        default = of_repo.agent or self._settings.spelled(self._settings.agent)
        if of_repo.agents and default not in of_repo.agents:
            return of_repo.agents[0]
        return default

    def name_in(self, repo: Repo, wanted: str | None) -> str:
        """Return the name of the agent for ``repo``, see ``choose``.

        Raises:
            UserError: The agent is unknown.
        """
        return self.spelled(wanted or self._default(self._options(repo)))

    def choose(self, repo: Repo, wanted: str | None, chosen: Chosen = NOTHING_CHOSEN) -> Choice:
        """Return the agent for ``repo``: the chat's choice, else the repo's, else the default.

        Raises:
            UserError: The agent is unknown, or the repo does not allow it.
        """
        of_repo = self._options(repo)
        name = self.name_in(repo, wanted)
        self.check_in(repo, name)
        settings = self._settings.agents.get(name, AgentSettings())
        ceiling, default = ceiling_of(settings, of_repo), default_mode_of(settings, of_repo)
        mode = default if settings.kind == "command" else (chosen.mode or default).within(ceiling)
        held = held_to(mode, name, settings, is_trusted=repo.is_trusted)
        environment = held | environment_of(settings, command_of(name, settings)[0])
        return Choice(
            name=name,
            agent=made(name, settings, of_repo, is_trusted=repo.is_trusted),
            is_program=settings.kind == "command",
            wishes=Wishes(mode, chosen.model, chosen.effort),
            ceiling=ceiling,
            default_mode=default,
            environment=environment,
            limits=RunLimits(
                of_repo.time_limit or settings.time_limit or inf,
                of_repo.silence_limit or settings.silence_limit or inf,
                of_repo.wall_limit or settings.wall_limit or inf,
            ),
            boundary=self.boundary(name, repo),
            approvers=of_repo.approvers or self._settings.approvers,
            resume=resume_of(name, settings),
        )

    def boundaries(self, repos: Iterable[Repo]) -> dict[str, Boundary]:
        """Return what the agents can reach and take that repos have by default, by repo."""
        return {
            repo.name: self.boundary(self._default(self._options(repo)), repo) for repo in repos
        }

    def installed(self, repos: Iterable[Repo]) -> list[InstalledAgent]:
        """Look at the disk: return the agents that usable repos have by default, if installed."""
        named = ((repo, self._default(self._options(repo))) for repo in repos)
        found = (self._installed(repo, name) for repo, name in named if name in self.names)
        return [each for each in found if each is not None]

    def _installed(self, repo: Repo, name: str) -> InstalledAgent | None:
        program = self._program(name)
        path = None if is_in_repo(program) else shutil.which(program)
        if path is None:
            return None
        try:
            copy = working_copy(repo)
        except UserError:
            return None
        settings = self._settings.agents.get(name, AgentSettings())
        environment = environment_of(settings, program)
        boundary = self.boundary(name, repo)
        return InstalledAgent(repo, copy, boundary, Path(path).absolute(), environment)

    def boundary(self, name: str, repo: Repo) -> Boundary:
        """Return what an agent can reach and take in a repo."""
        of_repo = self._options(repo)
        agent = self._settings.agents.get(name, AgentSettings())
        run = self._settings
        network = _first(of_repo.network, agent.network, run.network)
        return Boundary(
            is_boxed=_first(of_repo.sandbox, agent.sandbox, run.sandbox) != "off",
            hosts=_HOSTS.get(network) if isinstance(network, str) else network,
            limits=Limits(
                _first(of_repo.max_memory_mb, agent.max_memory_mb, run.max_memory_mb),
                _first(of_repo.max_processes, agent.max_processes, run.max_processes),
                _first(of_repo.max_disk_mb, agent.max_disk_mb, run.max_disk_mb),
                _first(of_repo.max_file_mb, agent.max_file_mb, run.max_file_mb),
            ),
            home=home_of(name, agent),
            readable=tuple(Path(each).expanduser() for each in agent.readable),
            writable=tuple(Path(each).expanduser() for each in agent.writable),
            is_trusted=repo.is_trusted,
        )


def _first(of_repo: T | None, of_agent: T | None, of_all: T) -> T:
    """Return what counts most of what is said."""
    if of_repo is not None:
        return of_repo
    return of_all if of_agent is None else of_agent


def _named(of_repo: RepoRunSettings) -> list[str]:
    return list(
        dict.fromkeys([*([of_repo.agent] if of_repo.agent else []), *(of_repo.agents or ())])
    )
