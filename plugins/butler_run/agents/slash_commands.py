"""Slash commands of agents, as they announce them."""

import re
from collections.abc import Iterable

from butler_run.agents.events import AgentCommand, CommandsAnnounced
from butler_run.agents.text import on_one_line

MAX_COMMANDS = 500
_SUMMARY_LENGTH = 80
# Also "plugin:command"; a name with a space could not be told from its argument.
_NAME = re.compile(r"[A-Za-z][\w:.-]{0,63}")


def announced(offers: Iterable[object]) -> CommandsAnnounced:
    """Return the commands among ``offers``: names, or objects with ``name`` and ``description``."""
    found: dict[str, AgentCommand] = {}
    for offer in offers:
        command = _command(offer)
        if command is not None and len(found) < MAX_COMMANDS:
            found.setdefault(command.name, command)
    return CommandsAnnounced(tuple(found.values()))


def _command(offer: object) -> AgentCommand | None:
    match offer:
        case str(name):
            summary = ""
        case {"name": str(name), **more}:
            described = more.get("description")
            summary = described if isinstance(described, str) else ""
        case _:
            return None
    name = name.removeprefix("/")
    if not _NAME.fullmatch(name):
        return None
    return AgentCommand(name, on_one_line(summary, _SUMMARY_LENGTH))
