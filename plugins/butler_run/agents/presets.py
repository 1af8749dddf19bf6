"""The agents that are known by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from butler_run.agents.agent import Mode


@dataclass(frozen=True, slots=True)
class HomeFolder:
    """What an agent in a sandbox gets of the user's home folder; paths begin there.

    What is not there is left out. ``{folder}`` in a path is the repo's folder as Claude Code writes
    it. What other programs of the user's run, such as hooks, is never writable.

    Attributes:
        readable: Its settings.
        writable: Its login.
        conversations: Folders of the user's that hold no more than what is said about this repo.
        kept: Folders that it gets of its own, one for each repo, in place of the user's.
        copied: Files in JSON of which it gets a copy, without the projects in other folders.
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
    """How a known agent is started over the Agent Client Protocol.

    Attributes:
        command: The agent's own command.
        how_to_get: A sentence for those who do not have it.
        environment: Variables that hold it to a mode, where the protocol cannot.
        untrusted: Variables that keep it from what a repo brings, where the protocol cannot.
        home: What it needs of the home folder.
        login: Where its login is; None for one that may do without.
    """

    command: tuple[str, ...]
    how_to_get: str
    environment: Mapping[Mode, Mapping[str, str]] = field(default_factory=dict)
    untrusted: Mapping[str, str] = field(default_factory=dict)
    home: HomeFolder = HomeFolder()
    login: Login | None = None


def _opencode(edit: str) -> Mapping[str, str]:
    rules = {"edit": edit, "bash": "ask", "webfetch": "ask", "websearch": "ask"}
    return {"OPENCODE_PERMISSION": json.dumps(rules)}


# A writable ~/.claude would be a way out: the user's own Claude Code runs the hooks, skills and
# plugins that are written there. ~/.claude.json is written by rename, so a copy is as good.
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

PRESETS = {
    "claude": Preset(
        ("claude-agent-acp",),
        "To get it: npm install -g @agentclientprotocol/claude-agent-acp@0.49.0",
        home=_HOME_OF_CLAUDE,
        login=LOGIN_OF_CLAUDE,
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
    ),
    # OpenCode does everything without asking unless told otherwise, and has no mode for that
    # (opencode.ai/docs/permissions).
    "opencode": Preset(
        ("opencode", "acp"),
        "To get it: npm install -g opencode-ai@1.18.33",
        environment={
            Mode.ASK: _opencode("ask"),
            Mode.EDITS: _opencode("allow"),
            Mode.PLAN: _opencode("ask"),
        },
        # Else it runs .opencode/plugin/*.js and the servers that opencode.json names.
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
