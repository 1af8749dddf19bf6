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
        unkept: Settings in them, besides the readable ones, that no run leaves behind for the next.
        copied: JSON files that the agent gets as a copy, without the projects in other folders.
    """

    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    unkept: tuple[str, ...] = ()
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


_OF_OPENCODE = ("agent", "command", "mode", "plugin", "skill", "tool")

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
            readable=(
                *(".codex/config.toml", ".codex/AGENTS.md", ".codex/AGENTS.override.md"),
                *(".codex/prompts", ".codex/agents", ".codex/rules"),
            ),
            writable=(".codex/auth.json",),
            kept=(".codex",),
            unkept=(".codex/hooks.json", ".codex/hooks", ".codex/skills", ".codex/plugins"),
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
            readable=(
                *(".gemini/settings.json", ".gemini/GEMINI.md", ".gemini/.env"),
                *(".gemini/commands", ".gemini/skills", ".gemini/agents", ".gemini/policies"),
                *(".gemini/extensions", ".gemini/extension_integrity.json"),
            ),
            # Where there is no keyring, keys and logins are in gemini-credentials.json.
            writable=(
                *(".gemini/oauth_creds.json", ".gemini/google_accounts.json"),
                *(".gemini/gemini-credentials.json", ".gemini/mcp-oauth-tokens.json"),
            ),
            kept=(".gemini",),
            unkept=(
                *(".gemini/trustedFolders.json", ".gemini/trusted_hooks.json"),
                *(".gemini/acknowledgments", ".gemini/policy_integrity.json"),
            ),
        ),
        login=Login(
            "gemini",
            files=(".gemini/oauth_creds.json", ".gemini/gemini-credentials.json"),
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
                *(".config/opencode/config.json", ".config/opencode/AGENTS.md"),
                *(f".config/opencode/{each}{s}" for each in _OF_OPENCODE for s in ("", "s")),
            ),
            writable=(".local/share/opencode/auth.json", ".local/share/opencode/mcp-auth.json"),
            kept=(
                *(".config/opencode", ".cache/opencode"),
                *(".local/share/opencode", ".local/state/opencode"),
            ),
        ),
    ),
}
