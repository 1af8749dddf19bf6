"""`butler pair`: link an account."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from butler import app, logs
from butler.cli.codes import CodeDisplay
from butler.cli.exit_status import run_to_the_end
from butler.config.schema import Config
from butler.errors import LastingDataError, TransportError
from butler.ops.daemon import whatsapp_folder
from butler.ops.reporting import forget
from butler.transports.whatsapp import PAIRING_LIMIT_S, linked_account, pair

T = TypeVar("T")


def main(options: argparse.Namespace) -> int:
    """Link an account."""
    setup = app.read_setup(options.config)
    logs.configure("WARNING")
    return run_to_the_end(link(setup.config, phone=options.phone, png=options.png))


async def link(config: Config, *, phone: str | None, png: Path | None) -> None:
    """Link an account, showing codes on stdout until one is used.

    Raises:
        LastingDataError: An account is already linked, or another Butler uses the data folder.
        TransportError: No account was linked, or a signal interrupted; the text says why.
    """
    with whatsapp_folder(config) as folder:
        account = linked_account(folder)
        if account is not None:
            raise LastingDataError(f"{account} is already linked. To change that: butler unlink")
        display = CodeDisplay(sys.stdout, PAIRING_LIMIT_S, png)
        with _redrawn_when_resized(display):
            linked = await _unless_interrupted(
                pair(
                    folder,
                    config.whatsapp.device_name,
                    phone=phone,
                    on_qr=display.show_qr,
                    on_code=display.show_code,
                )
            ) or linked_account(folder)
        if linked is None:
            raise TransportError("Linking was cancelled. To start again: butler pair")
        forget(config.data_dir)
    print(f"Linked as {linked}. Next: butler run", flush=True)


async def _unless_interrupted(work: Coroutine[object, object, T]) -> T | None:
    """Return the result of ``work``; None if SIGINT or SIGTERM interrupted it."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    numbers: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        # A second one must not interrupt the gateway's shutdown.
        if not numbers:
            task.cancel()
        numbers.append(number)
        if number == signal.SIGINT and sys.stdout.isatty():
            print()  # ends the line on which the terminal shows ^C

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not numbers:
            raise
        return None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextmanager
def _redrawn_when_resized(display: CodeDisplay) -> Iterator[None]:
    if not sys.stdout.isatty():
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, display.redraw)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
