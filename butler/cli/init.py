"""`butler init`: write a commented configuration with the repos found nearby."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace

from butler import app
from butler.chat.message import Person
from butler.chat.text import listed
from butler.cli.exit_status import OK, run_to_the_end
from butler.cli.output import show
from butler.cli.pair import link
from butler.config.template import Proposal
from butler.core import loader
from butler.errors import ConfigError, PluginError

_AGENTS = "run"
"""The plugin whose main option is the agent."""


def main(options: argparse.Namespace) -> int:
    """Write the file, after a few questions if somebody sits at a terminal."""
    proposal = Proposal.of(options.config)
    if not (os.isatty(0) and os.isatty(1)):
        show(f"{proposal.write()}\n")
        return OK
    try:
        said = _asked(proposal).write()
    except (EOFError, KeyboardInterrupt):
        raise ConfigError("Nothing was written.") from None
    show(f"{said}\n")
    return _offer_link(proposal)


def _asked(proposal: Proposal) -> Proposal:
    """Ask for what cannot be found out."""
    if proposal.found and not _is_yes(f"Repos found: {proposal.found}. Use them? [Y/n] "):
        proposal = replace(proposal, folders=(), repos=())
    return replace(proposal, owner=_owner(), agent=_agent())


def _owner() -> str:
    question = "Your phone number, such as +4915112345678 (Enter: that of the linked account) "
    while answer := input(question).replace(" ", ""):
        try:
            person = Person.parse(answer)
        except ValueError as error:
            show(f"{error}\n")
            continue
        if not person.lacks_country_code:
            return str(person)
        show("It needs its country code, as in +49 for Germany.\n")
    return ""


def _agent() -> str:
    """Return the agent to name in the file; nothing if none is installed."""
    found = _installed_agents()
    if len(found) < 2:
        return found[0] if found else ""
    while answer := input(f"The agent for /run: {listed(found)} (Enter: {found[0]}) ").strip():
        if answer in found:
            return answer
    return found[0]


def _installed_agents() -> Sequence[str]:
    try:
        return loader.load(_AGENTS, loader.installed()).choices()
    except PluginError:
        return ()


def _offer_link(proposal: Proposal) -> int:
    try:
        if not _is_yes("Link a WhatsApp account now, by a QR code? [y/N] ", default="n"):
            return OK
    except (EOFError, KeyboardInterrupt):
        return OK
    setup = app.read_setup(proposal.target)
    return run_to_the_end(link(setup.config, phone=None, png=None))


def _is_yes(question: str, default: str = "y") -> bool:
    return (input(question).strip() or default).lower() in {"y", "yes"}
