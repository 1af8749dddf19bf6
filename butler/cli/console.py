"""`butler console`: the bot in a terminal, or for programs."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from butler import app, logs
from butler.app import Setup
from butler.chat.message import Person
from butler.chat.text import listed
from butler.cli.exit_status import run_to_the_end
from butler.core.bot import Bot
from butler.errors import ConfigError, TransportError
from butler.ops.hubs import side_of
from butler.ops.shutdown import converse
from butler.records.sqlite import SqliteRecords
from butler.storage.files import private_file, private_folder

if TYPE_CHECKING:
    from butler.transports.console.jsonl import JsonLines
    from butler.transports.console.piped import PipedConsole
    from butler.transports.console.terminal import PromptConsole


def main(options: argparse.Namespace) -> int:
    """Chat in the terminal or over pipes, or speak JSON lines with a program."""
    if options.jsonl and (options.chat or options.sender) is not None:
        raise ConfigError("--chat and --sender are for the terminal; JSON lines name their own.")
    try:
        sender = Person.parse(options.sender) if options.sender is not None else None
    except ValueError as error:
        raise ConfigError(f"--sender: {error}") from None
    setup = app.read_setup(options.config)
    # A person types here, so the log speaks up only when something is wrong.
    logs.configure("WARNING")
    for problem in setup.repos.problems():
        print(problem, file=sys.stderr)
    if options.jsonl:
        return run_to_the_end(_talk_json(setup))
    return run_to_the_end(_talk(setup, options.chat or "console", sender))


async def _talk(setup: Setup, chat_id: str, sender: Person | None) -> bool:
    """Chat in the terminal or over pipes; return False if the output was closed early."""
    from butler.transports.console.piped import PipedConsole
    from butler.transports.console.terminal import CommandCompleter, PromptConsole

    folder = private_folder(setup.config.data_dir)
    records = _records(setup, folder)
    if os.isatty(0) and os.isatty(1):
        history = private_file(folder / "console-history")
        completer = CommandCompleter(setup.router, setup.repos, setup.plugins, chat_id)
        greeting = await asyncio.to_thread(_greeting, setup)
        prompt = PromptConsole(history, completer, chat_id, sender, greeting)
        return await _converse(setup, prompt, records, prompt.follow)
    return await _converse(setup, PipedConsole(*_streams(), chat_id, sender), records)


def _greeting(setup: Setup) -> str:
    """Return what a person reads first; blocking."""
    names = [repo.name for repo in setup.repos]
    repos = f"Repos: {listed(names)}. /use {names[0]} selects one." if names else ""
    lines = [
        "Chat with Butler here. /help lists the commands, Ctrl-D quits.",
        repos or f"No repos yet: add some to {setup.path}.",
        *(plugin.greeting(list(setup.repos)) for plugin in setup.plugins.values()),
    ]
    return "\n".join(filter(None, lines))


async def _talk_json(setup: Setup) -> bool:
    """Speak JSON lines over stdin and stdout; return False if the output was closed early."""
    from butler.transports.console.jsonl import JsonLines
    from butler.transports.console.seen import SeenMessages

    folder = private_folder(setup.config.data_dir)
    records = _records(setup, folder)
    handled = SeenMessages(folder / "console.sqlite3")
    transport = JsonLines(*_streams(), handled, records)
    return await _converse(setup, transport, records)


def _records(setup: Setup, folder: Path) -> SqliteRecords:
    kept = setup.config.records
    return SqliteRecords(folder / "records.sqlite3", kept.max_bytes, kept.keep)


def _streams() -> tuple[int, int]:
    """Return the descriptors of stdin and stdout.

    Raises:
        TransportError: The parent process closed one of them.
    """
    if sys.stdin is None or sys.stdout is None:
        raise TransportError("The standard input or output is closed.")
    return sys.stdin.fileno(), sys.stdout.fileno()


async def _converse(
    setup: Setup,
    transport: "PipedConsole | PromptConsole | JsonLines",
    records: SqliteRecords,
    on_start: Callable[[Bot], None] = lambda _bot: None,
) -> bool:
    try:
        async with records.flushing():
            with side_of(setup, "console") as side:
                await converse(
                    *(setup, transport, records),
                    on_start=on_start,
                    name="a console",
                    side=side,
                )
    finally:
        is_read_to_the_end = await transport.aclose()
    return is_read_to_the_end
