"""The agents that are known by name."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field

from butler_run.agents.agent import Mode


@dataclass(frozen=True, slots=True)
class Preset:
    """How a known agent is started over the Agent Client Protocol.

    Attributes:
        command: The agent's own command.
        fallback: What to start where that is not installed.
        how_to_get: A sentence for those who have neither.
        environment: Variables that hold it to a mode, where the protocol cannot.
    """

    command: tuple[str, ...]
    how_to_get: str
    fallback: tuple[str, ...] = ()
    environment: Mapping[Mode, Mapping[str, str]] = field(default_factory=dict)

    def found(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Return the command to start, given the ``PATH`` of ``environment``."""
        path = environment.get("PATH")
        if self.fallback and not shutil.which(self.command[0], path=path):
            is_there = shutil.which(self.fallback[0], path=path)
            return self.fallback if is_there else self.command
        return self.command


def _opencode(edit: str) -> Mapping[str, str]:
    rules = {"edit": edit, "bash": "ask", "webfetch": "ask", "websearch": "ask"}
    return {"OPENCODE_PERMISSION": json.dumps(rules)}


PRESETS = {
    "claude": Preset(
        ("claude-agent-acp",),
        "To get it: npm install -g @agentclientprotocol/claude-agent-acp",
        fallback=("npx", "-y", "@agentclientprotocol/claude-agent-acp"),
    ),
    "codex": Preset(("codex-acp",), "To get it: npm install -g @agentclientprotocol/codex-acp"),
    "gemini": Preset(("gemini", "--acp"), "To get it: npm install -g @google/gemini-cli"),
    # OpenCode does everything without asking unless told otherwise, and has no mode for that
    # (opencode.ai/docs/permissions).
    "opencode": Preset(
        ("opencode", "acp"),
        "To get it: npm install -g opencode-ai",
        environment={
            Mode.ASK: _opencode("ask"),
            Mode.EDITS: _opencode("allow"),
            Mode.PLAN: _opencode("ask"),
        },
    ),
}
