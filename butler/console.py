"""`butler console`: the bot in a terminal, or for programs."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from butler.app import Setup, converse
from butler.chat.message import Person
from butler.errors import TransportError
from butler.records.sqlite import SqliteRecords
from butler.storage.files import private_file, private_folder

if TYPE_CHECKING:
    from butler.transports.console import PipedConsole, PromptConsole
    from butler.transports.jsonl import JsonLines


async def talk(setup: Setup, chat_id: str, sender: Person | None) -> bool:
    """Talk to whoever types, or to what is piped in; return False if nobody read to the end."""
    from butler.transports.console import CommandCompleter, PipedConsole, PromptConsole

    folder = private_folder(setup.config.data_dir)
    transport: PipedConsole | PromptConsole
    if os.isatty(0) and os.isatty(1):
        history = private_file(folder / "console-history")
        completer = CommandCompleter(setup.router, setup.repos)
        transport = PromptConsole(history, completer, chat_id, sender)
    else:
        transport = PipedConsole(*_streams(), chat_id, sender)
    return await _converse(setup, transport, _records(setup, folder))


async def talk_json(setup: Setup) -> bool:
    """Talk JSON lines over stdin and stdout; return False if nobody read to the end."""
    from butler.transports.handled import HandledMessages
    from butler.transports.jsonl import JsonLines

    folder = private_folder(setup.config.data_dir)
    records = _records(setup, folder)
    handled = HandledMessages(folder / "console.sqlite3")
    transport = JsonLines(*_streams(), handled, records)
    return await _converse(setup, transport, records)


def _records(setup: Setup, folder: Path) -> SqliteRecords:
    return SqliteRecords(folder / "records.sqlite3", setup.config.records.max_bytes)


def _streams() -> tuple[int, int]:
    """Return the descriptors of stdin and stdout.

    Raises:
        TransportError: Whoever started this process closed one of them.
    """
    if sys.stdin is None or sys.stdout is None:
        raise TransportError("Butler cannot talk: its standard input or output is closed.")
    return sys.stdin.fileno(), sys.stdout.fileno()


async def _converse(
    setup: Setup, transport: "PipedConsole | PromptConsole | JsonLines", records: SqliteRecords
) -> bool:
    try:
        async with records.flushing():
            await converse(setup, transport, records)
    finally:
        is_read_to_the_end = await transport.aclose()
    return is_read_to_the_end
