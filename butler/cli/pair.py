"""`butler pair`: show the codes that link an account."""

import argparse
import asyncio
import io
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TextIO, TypeVar

import segno

from butler import app, logs
from butler.cli.exit_status import run_to_the_end
from butler.config.schema import Config
from butler.errors import DataError, TransportError
from butler.ops.daemon import whatsapp_folder
from butler.ops.report import forget
from butler.storage.files import replace_file
from butler.transports.whatsapp import linked_account, pair

_SCAN = """\
Link Butler to your WhatsApp account. On the phone: Settings, Linked devices, Link a device.
Scan the code; it is replaced about every 20 seconds. Ctrl-C cancels.
"""
_TYPE = """\
On the phone: Settings, Linked devices, Link a device, Link with phone number instead.
Type this code there:  {code}
"""

T = TypeVar("T")


def main(options: argparse.Namespace) -> int:
    """Link an account."""
    setup = app.read_setup(options.config)
    logs.configure("WARNING")
    return run_to_the_end(link(setup.config, phone=options.phone, png=options.png))


async def link(config: Config, *, phone: str | None, png: Path | None) -> None:
    """Link an account, showing codes on stdout until one is used.

    Raises:
        DataError: An account is already linked, or another Butler uses the data folder.
        TransportError: No account was linked, or a signal interrupted; the text says why.
    """
    with whatsapp_folder(config) as folder:
        account = linked_account(folder)
        if account is not None:
            raise DataError(
                f"{account} is already linked. To change that, remove the device on the phone "
                f"(Settings, Linked devices) and delete the folder {folder}."
            )
        display = Display(sys.stdout, png)
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


class Display:
    """Shows codes in the terminal, and writes them to a PNG file if requested."""

    def __init__(self, terminal: TextIO, png: Path | None = None) -> None:
        self._terminal = terminal
        self._png = png
        self._is_explained = False

    def show_qr(self, text: str) -> None:
        """Show the QR code for ``text``.

        Raises:
            DataError: The PNG file cannot be written.
        """
        code = segno.make(text, error="l")
        if not self._is_explained:
            self._terminal.write(_SCAN)
            self._is_explained = True
        code.terminal(self._terminal, compact=True, border=2)
        if self._png is not None:
            self._write_png(code, self._png)
        self._terminal.flush()

    def show_code(self, code: str) -> None:
        """Show the code to type on the phone."""
        self._terminal.write(_TYPE.format(code=code))
        self._terminal.flush()

    def _write_png(self, code: segno.QRCode, path: Path) -> None:
        image = io.BytesIO()
        code.save(image, kind="png", scale=8, border=4)
        replace_file(path, image.getvalue())
        self._terminal.write(f"The code is also in {path}.\n")
