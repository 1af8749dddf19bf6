"""How a conversation goes on in a terminal, and whether one has it open."""

import shlex
from pathlib import Path

from butler_run.agents import claude_sessions
from butler_run.choice import Choice


def how_to_resume(choice: Choice, conversation_id: str) -> str:
    """Return the line to type in the repo's folder; empty if it is not known."""
    return choice.resume.replace("{id}", shlex.quote(conversation_id)) if choice.resume else ""


def is_open_elsewhere(choice: Choice, conversation_id: str) -> bool:
    """Look at the disk: return whether another program is known to have a conversation open."""
    home = choice.environment.get("HOME")
    if not choice.is_of_claude or home is None:
        return False
    config = choice.environment.get("CLAUDE_CONFIG_DIR", str(Path(home, ".claude")))
    return conversation_id in claude_sessions(Path(config) / "sessions")
