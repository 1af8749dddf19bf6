"""`butler report`: write a redacted text to attach to an issue."""

import argparse
import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TextIO

from butler.app import read_setup
from butler.cli.exit_status import FAILED, OK
from butler.cli.output import show, show_lines
from butler.errors import DataError
from butler.ops.bundle import log_lines, redacted
from butler.storage.files import is_there


def main(options: argparse.Namespace) -> int:
    """Show the report, ask, and write it; with ``--yes`` write it without asking."""
    setup = read_setup(options.config)
    now = datetime.now().astimezone()
    target = options.file or Path(f"butler-report-{now:%Y%m%d-%H%M%S}.txt")
    with ExitStack() as stack:
        file = options.log or _existing(setup.config.log.file)
        log = stack.enter_context(_opened(file)) if file else None
        text = redacted(setup, log_lines(log))
    show(text)
    if not options.yes and not _is_wanted(target):
        show_lines(["Nothing was written."])
        return FAILED
    try:
        with target.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise DataError(f"{target} exists. Name another file.") from None
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror}.") from None
    show_lines(["", f"Wrote {target}. It was sent nowhere: read it, then attach it to your issue."])
    return OK


def _existing(path: Path | None) -> Path | None:
    return path if path is not None and is_there(path) else None


def _opened(path: Path) -> TextIO:
    try:
        return path.open(errors="replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None


def _is_wanted(target: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"\nWrite this to {target}? [y/N] ").strip().casefold() in {"y", "yes"}
