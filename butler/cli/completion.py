"""`butler completion`: a script that completes commands and options in a shell."""

import argparse
from collections.abc import Iterator

import shtab

from butler.cli.exit_status import OK
from butler.cli.output import show
from butler.cli.parser import make_parser


def main(options: argparse.Namespace) -> int:
    """Print the script for a shell."""
    parser = make_parser()
    for action in _actions(parser):
        if action.metavar == "FILE":
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # what shtab looks for
    show(f"{shtab.complete(parser, options.shell)}\n")
    return OK


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the options and arguments of a parser and its sub-commands."""
    for action in parser._actions:  # noqa: SLF001 - argparse lists them nowhere else
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for sub_parser in action.choices.values():
                yield from _actions(sub_parser)
