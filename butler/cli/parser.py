"""The sub-commands and their options."""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module

from butler.cli.exit_status import OK, WRONG

TYPE_CHECKING = False  # not from `typing`, which takes as long to import as the rest of --help
if TYPE_CHECKING:
    from pathlib import Path

Command = Callable[[argparse.Namespace], int]


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="butler", description="Code repositories on WhatsApp, one active in every chat."
    )
    parser.add_argument(
        "--version",
        action="store_const",
        dest="command",
        const=_version,
        help="show the version and exit",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=False)
    parser.set_defaults(command=lambda _options: _usage(parser))

    def add(name: str, help_text: str, place: str | None = None) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_text, description=help_text)
        added.add_argument("--config", type=_path, metavar="FILE", help="the configuration file")
        added.set_defaults(command=_late(place or name))
        return added

    add("run", "The daemon: serve the linked WhatsApp account until it is told to stop.")
    _console_options(add("console", "The same bot in this terminal, without a phone."))
    _pair_options(add("pair", "Link a WhatsApp account: a QR code, or a code to type."))
    add("check", "Check the configuration and all that it names, a line each.")
    _sessions_options(add("sessions", "Show the chats' sessions, or clear one."))
    add("status", "Show the daemon, its link to WhatsApp, and what waits.")
    _why_options(
        add("why", "Show messages that were not acted on, and the rule why.", "records:why")
    )
    _audit_options(add("audit", "Show what was done, by whom, and how it ended.", "records:audit"))
    add("plugins", "Show the plugins that are installed, and their commands.")
    add("init", "Write a commented config.toml with the repos found around here.")
    return parser


def _path(text: str) -> "Path":
    from pathlib import Path

    return Path(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 upwards, found {text!r}")
    return int(text)


def _console_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jsonl", action="store_true", help="JSON lines in and out, for programs")
    parser.add_argument("--chat", metavar="CHAT", help='the chat to type in; "console" by default')
    parser.add_argument(
        "--sender", metavar="PERSON", help="who types: a phone number or LID; an owner by default"
    )


def _pair_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--phone", metavar="+49…", help="the account's number: show a code to type, no QR code"
    )
    parser.add_argument("--png", type=_path, metavar="FILE", help="also write the QR code there")


def _sessions_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="a JSON array, for programs")
    actions = parser.add_subparsers(metavar="[ACTION]")
    forget = "Forget the session of one chat."
    clear = actions.add_parser("clear", help=forget, description=forget)
    clear.add_argument("chat", metavar="CHAT", help="the chat's id, as butler sessions shows it")
    # Without SUPPRESS the sub-parser would set what was given before it back to None.
    clear.add_argument(
        "--config",
        type=_path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="the configuration file",
    )
    clear.set_defaults(command=_late("sessions:clear"))


def _why_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--chat", metavar="CHAT", help="only those of this chat")
    parser.add_argument(
        "--last", type=_count, default=20, metavar="N", help="so many; 20 by default"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object a line, for programs")


def _audit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        default="1d",
        metavar="TIME",
        help='"30m", "12h", "7d" or "2026-11-22"; 1d by default',
    )
    parser.add_argument("--chat", metavar="CHAT", help="only what was done in this chat")
    parser.add_argument("--json", action="store_true", help="a JSON object a line, for programs")


def _usage(parser: argparse.ArgumentParser) -> int:
    parser.print_help(sys.stderr)
    return WRONG


def _version(_options: argparse.Namespace) -> int:
    from importlib.metadata import version

    from butler.cli.output import show

    show(f"butler {version('butler')}\n")
    return OK


def _late(place: str) -> Command:
    """Return the command ``module:function``, by default ``main``, imported when it is called."""
    module, _, function = place.partition(":")

    def command(options: argparse.Namespace) -> int:
        status: int = getattr(import_module(f"butler.cli.{module}"), function or "main")(options)
        return status

    return command
