"""The known agents."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from butler_run.agents.events import Mode


@dataclass(frozen=True, slots=True)
class HomeFolder:
    """The parts of the home folder that an agent in a sandbox gets; paths are relative to it.

    Missing files are skipped. ``{folder}`` in a path is the repo's folder as Claude Code spells it.
    Files that other programs of the user execute, such as hooks, are never writable.

    Attributes:
        readable: Its settings.
        writable: Its login.
        conversations: Folders of the user that hold only conversations about this repo.
        kept: Private folders, one per repo, that replace those of the user.
        copied: JSON files that the agent gets as a copy, without the projects in other folders.
    """

    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """Where the login of an agent is; paths begin in the home folder.

    Attributes:
        way: Whose login it is, as complaints about it name it.
        files: What logging in writes.
        variables: What holds a key, or leads to another login.
        settings: Files in which there may be another way to log in.
        settings_keys: What is written there then.
        is_in_keychain: On macOS it is in the keychain instead.
    """

    way: str
    files: tuple[str, ...]
    variables: tuple[str, ...]
    settings: tuple[str, ...] = ()
    settings_keys: tuple[str, ...] = ()
    is_in_keychain: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """A known agent that speaks the Agent Client Protocol.

    Attributes:
        command: The agent's own command.
        how_to_get: A sentence on how to install it.
        environment: Variables that enforce a mode that the protocol cannot.
        untrusted: Variables that make it ignore a repo's settings if the protocol cannot.
        home: The parts of the home folder that it needs.
        login: Where its login is; None for one that may do without.
        resume: What continues a conversation in a terminal, with ``{id}`` in place of its id.
    """

    command: tuple[str, ...]
    how_to_get: str
    environment: Mapping[Mode, Mapping[str, str]] = field(default_factory=dict)
    untrusted: Mapping[str, str] = field(default_factory=dict)
    home: HomeFolder = HomeFolder()
    login: Login | None = None
    resume: str = ""


def _opencode(edit: str) -> Mapping[str, str]:
    rules = {"edit": edit, "bash": "ask", "webfetch": "ask", "websearch": "ask"}
    return {"OPENCODE_PERMISSION": json.dumps(rules)}


# A writable ~/.claude would be an escape: the user's own Claude Code runs the hooks, skills and
# plugins in it. ~/.claude.json is replaced by rename, so a copy is as good.
_HOME_OF_CLAUDE = HomeFolder(
    readable=(
        *(".claude/settings.json", ".claude/CLAUDE.md", ".claude/agents", ".claude/commands"),
        *(".claude/skills", ".claude/rules", ".claude/plugins", ".config/anthropic"),
    ),
    writable=(".claude/.credentials.json",),
    conversations=(".claude/projects/{folder}",),
    copied=(".claude.json",),
)

_KEYS_OF_CLAUDE = (
    *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"),
)
LOGIN_OF_CLAUDE = Login(
    "claude",
    files=(".claude/.credentials.json",),
    variables=(*_KEYS_OF_CLAUDE, "CLAUDE_CONFIG_DIR"),
    settings=(".claude/settings.json",),
    settings_keys=(*_KEYS_OF_CLAUDE, "apiKeyHelper"),
    is_in_keychain=True,
)

RESUME_OF_CLAUDE = "claude --resume {id}"

PRESETS = {
    "claude": Preset(
        ("claude-agent-acp",),
        "To get it: npm install -g @agentclientprotocol/claude-agent-acp@0.101.0",
        home=_HOME_OF_CLAUDE,
        login=LOGIN_OF_CLAUDE,
        resume=RESUME_OF_CLAUDE,
    ),
    "codex": Preset(
        ("codex-acp",),
        "To get it: npm install -g @agentclientprotocol/codex-acp@2.6.0",
        home=HomeFolder(
            readable=(".codex/config.toml", ".codex/AGENTS.md", ".codex/prompts"),
            writable=(".codex/auth.json",),
            kept=(".codex",),
        ),
        login=Login(
            "codex",
            files=(".codex/auth.json",),
            variables=("OPENAI_API_KEY", "CODEX_API_KEY", "CODEX_HOME"),
            settings=(".codex/config.toml",),
            settings_keys=("model_provider",),
        ),
        resume="codex resume {id}",
    ),
    "gemini": Preset(
        ("gemini", "--acp"),
        "To get it: npm install -g @google/gemini-cli@0.61.0",
        home=HomeFolder(
            readable=(".gemini/settings.json", ".gemini/GEMINI.md", ".gemini/.env"),
            writable=(".gemini/oauth_creds.json", ".gemini/google_accounts.json"),
            kept=(".gemini",),
        ),
        login=Login(
            "gemini",
            files=(".gemini/oauth_creds.json",),
            variables=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"),
            settings=(".gemini/.env", ".gemini/settings.json"),
            settings_keys=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"),
        ),
        resume="gemini --resume {id}",
    ),
    # OpenCode asks for nothing by default, and has no mode for that
    # (opencode.ai/docs/permissions).
    "opencode": Preset(
        ("opencode", "acp"),
        "To get it: npm install -g opencode-ai@1.18.33",
        resume="opencode --session {id}",
        environment={
            Mode.ASK: _opencode("ask"),
            Mode.EDITS: _opencode("allow"),
            Mode.PLAN: _opencode("ask"),
        },
        # Otherwise it runs .opencode/plugin/*.js and the servers in opencode.json.
        untrusted={"OPENCODE_DISABLE_PROJECT_CONFIG": "1"},
        home=HomeFolder(
            readable=(
                *(".config/opencode/opencode.json", ".config/opencode/opencode.jsonc"),
                *(".config/opencode/AGENTS.md", ".config/opencode/agent"),
                *(".config/opencode/command", ".config/opencode/plugin"),
            ),
            writable=(".local/share/opencode/auth.json",),
            kept=(
                *(".config/opencode", ".cache/opencode"),
                *(".local/share/opencode", ".local/state/opencode"),
            ),
        ),
    ),
}
