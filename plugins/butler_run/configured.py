"""The agents as the settings describe them: their adapter, command, environment and mode."""

from pathlib import Path

from butler import Repo
from butler_run.agents import (
    LOGIN_OF_CLAUDE,
    PRESETS,
    RESUME_OF_CLAUDE,
    AcpAgent,
    Agent,
    ClaudeAgent,
    CommandAgent,
    HomeFolder,
    Login,
    Mode,
    ProcessLimits,
    allowed_environment,
)
from butler_run.agents.readiness import with_own_folder_first
from butler_run.settings import AgentSettings, RepoRunSettings


def home_of(name: str, settings: AgentSettings) -> HomeFolder:
    if settings.kind == "claude":
        return PRESETS["claude"].home
    is_preset = settings.kind == "acp" and name in PRESETS
    return PRESETS[name].home if is_preset else HomeFolder()


def ceiling_of(settings: AgentSettings, of_repo: RepoRunSettings) -> Mode:
    """Return the most that a chat can choose: the repo's mode, else the agent's."""
    if settings.kind == "command":
        return Mode.BYPASS
    return of_repo.mode or settings.mode or Mode.ASK


def default_mode_of(settings: AgentSettings, of_repo: RepoRunSettings) -> Mode:
    """Return the agent's mode within the repo's; a program asks nobody."""
    if settings.kind == "command":
        return Mode.BYPASS
    if of_repo.mode is None:
        return settings.mode or Mode.ASK
    return (settings.mode or of_repo.mode).within(of_repo.mode)


def is_in_repo(program: str) -> bool:
    """Return whether a program is looked for in the repo, see ``spawned``."""
    return "/" in program and not program.startswith("/")


def options_of(repo: Repo) -> RepoRunSettings:
    """Return the settings for runs in ``repo``."""
    options = repo.options.get("run")
    return options if isinstance(options, RepoRunSettings) else RepoRunSettings()


def made(
    name: str, settings: AgentSettings, of_repo: RepoRunSettings, *, is_trusted: bool
) -> Agent:
    max_output_mb = of_repo.max_output_mb or settings.max_output_mb
    limits = ProcessLimits(output_bytes=max_output_mb * 1_000_000)
    command = command_of(name, settings)
    match settings.kind:
        case "claude":
            return ClaudeAgent(command, limits, is_trusted=is_trusted)
        case "command":
            return CommandAgent(command, limits)
        case "acp":
            preset = PRESETS.get(name)
            how_to_get = preset.how_to_get if preset and settings.command is None else ""
            return AcpAgent(command, limits, how_to_get=how_to_get, is_trusted=is_trusted)


def environment_of(settings: AgentSettings, program: str) -> dict[str, str]:
    environment = allowed_environment(settings.env)
    return environment if is_in_repo(program) else with_own_folder_first(environment, program)


def login_of(name: str, settings: AgentSettings) -> Login | None:
    """Return where the login is of an agent that is known, also with a command of one's own."""
    program = Path(command_of(name, settings)[0]).name
    if settings.kind == "claude":
        return LOGIN_OF_CLAUDE if program == "claude" else None
    preset = PRESETS.get(name) if settings.kind == "acp" else None
    return preset.login if preset and program == preset.command[0] else None


def resume_of(name: str, settings: AgentSettings) -> str:
    """Return what continues a conversation of an agent in a terminal; empty if unknown."""
    if settings.kind == "claude":
        return RESUME_OF_CLAUDE
    is_preset = settings.kind == "acp" and name in PRESETS
    return PRESETS[name].resume if is_preset else ""


def held_to(mode: Mode, name: str, settings: AgentSettings, *, is_trusted: bool) -> dict[str, str]:
    preset = PRESETS.get(name) if settings.kind == "acp" else None
    if preset is None:
        return {}
    return {**preset.environment.get(mode, {}), **({} if is_trusted else preset.untrusted)}


def command_of(name: str, settings: AgentSettings) -> tuple[str, ...]:
    if settings.command is not None:
        program, *arguments = settings.command
        is_at_home = program.startswith("~")
        return (str(Path(program).expanduser()) if is_at_home else program, *arguments)
    return ("claude",) if settings.kind == "claude" else PRESETS[name].command
