"""The options and actions of each sub-command."""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module

from butler.cli.exit_status import WRONG

TYPE_CHECKING = False  # not from `typing`, which takes as long to import as the rest of --help
if TYPE_CHECKING:
    from pathlib import Path

Command = Callable[[argparse.Namespace], int]


def run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler run``."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="do not start with the last good configuration if the file has mistakes",
    )


def status_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler status``."""
    parser.add_argument("--json", action="store_true", help="print a line of JSON, for programs")
    parser.add_argument(
        "--disk", action="store_true", help="show each file of the data folder and its limit"
    )
    parser.add_argument(
        "--healthy",
        action="store_true",
        help="print nothing; exit with 0 if the link is up and messages can be read, else 1",
    )


def notify_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler notify``."""
    parser.add_argument("--test", action="store_true", required=True, help="send a test notice")


def doctor_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler doctor``."""
    parser.add_argument("--fix", action="store_true", help="mend what does no harm")


def update_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler update``."""
    parser.add_argument(
        "--check", action="store_true", help="ask the package index for a newer version"
    )


def completion_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler completion``."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def console_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler console``."""
    parser.add_argument(
        "--jsonl", action="store_true", help="read and write JSON lines, for programs"
    )
    parser.add_argument("--chat", metavar="CHAT", help='the chat to type in (default: "console")')
    parser.add_argument(
        "--sender", metavar="PERSON", help="phone number or LID of the sender (default: an owner)"
    )


def pair_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler pair``."""
    parser.add_argument(
        "--phone",
        metavar="+49…",
        help="show a code to type instead of a QR code; the account's number",
    )
    parser.add_argument("--png", type=_path, metavar="FILE", help="also write the QR code there")


def sessions_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler sessions``."""
    parser.add_argument("--json", action="store_true", help="print JSON lines, for programs")
    parser.add_argument(
        "--copy-to", choices=["redis"], help="copy the sessions in SQLite to the Redis of [redis]"
    )
    actions = parser.add_subparsers(metavar="[ACTION]")
    forget = "Delete the session of a chat."
    clear = _action(actions, "clear", forget, "sessions:clear")
    clear.add_argument("chat", metavar="CHAT", help="id of the chat, as listed by butler sessions")


def worker_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler worker``."""
    parser.add_argument("--name", metavar="NAME", help="its name (default: the one it joined with)")
    actions = parser.add_subparsers(metavar="[ACTION]")
    about = "Join the machine that printed a code, once, then work for it."
    join = _action(actions, "join", about, "worker:join")
    join.add_argument("code", metavar="CODE", help="printed there by: butler workers add NAME")


def workers_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler workers``."""
    parser.add_argument("--json", action="store_true", help="print JSON lines, for programs")
    actions = parser.add_subparsers(metavar="[ACTION]")
    about = "Print the line by which a worker joins, once, and its rule for Redis."
    adding = _action(actions, "add", about, "workers:add")
    adding.add_argument("name", metavar="NAME", help="what it will be called in chats")
    removing = _action(actions, "remove", "Forget a worker.", "workers:remove")
    removing.add_argument("name", metavar="NAME", help="as listed by butler workers")


def service_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler service``."""
    parser.set_defaults(command=lambda _options: usage(parser))
    actions = parser.add_subparsers(metavar="ACTION")
    about = "Install and start the service; it keeps the PATH of this shell."
    _action(actions, "install", about, "service:install")
    _action(actions, "uninstall", "End the service and remove it.", "service:uninstall")
    _action(actions, "status", "Show what the service manager knows.", "service:status")
    logs = _action(actions, "logs", "Show the last 200 lines of the log.", "service:logs")
    logs.add_argument("--follow", action="store_true", help="go on with what comes")


def panel_options(parser: argparse.ArgumentParser) -> None:
    """Add those of `butler panel`."""
    parser.add_argument(
        "--no-browser", action="store_true", help="print the link and open no browser"
    )
    parser.add_argument(
        "--read-only", action="store_true", help="show everything, and let nobody do anything"
    )


def why_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler why``."""
    parser.add_argument("message", nargs="?", metavar="ID", help="only the message with this id")
    parser.add_argument("--chat", metavar="CHAT", help="only messages of this chat")
    parser.add_argument(
        "--last", type=_count, default=20, metavar="N", help="number of entries (default: 20)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines, for programs")


def audit_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler audit``."""
    parser.add_argument(
        "--since",
        default="1d",
        metavar="TIME",
        help='such as "30m", "12h", "7d" or "2026-11-22" (default: 1d)',
    )
    parser.add_argument("--chat", metavar="CHAT", help="only commands in this chat")
    parser.add_argument("--json", action="store_true", help="print JSON lines, for programs")


def backup_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler backup``."""
    parser.add_argument(
        "file", type=_path, nargs="?", metavar="FILE", help="default: butler-DATE-TIME.tar.gz.age"
    )
    parser.add_argument(
        "--with-link",
        action="store_true",
        help="move the link to WhatsApp, too: this folder cannot be used afterwards",
    )
    _passphrase_options(parser)
    parser.add_argument(
        "--recipient",
        action="append",
        metavar="KEY",
        help="encrypt to a public key of age or ssh; may be repeated",
    )
    parser.add_argument("--plain", action="store_true", help="do not encrypt")


def restore_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler restore``."""
    parser.add_argument("file", type=_path, metavar="FILE", help="the backup")
    _passphrase_options(parser)
    parser.add_argument(
        "--identity", type=_path, metavar="FILE", help="the secret key of age or ssh"
    )


def report_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``butler report``."""
    parser.add_argument(
        "file", type=_path, nargs="?", metavar="FILE", help="default: butler-report-DATE-TIME.txt"
    )
    parser.add_argument(
        "--log",
        type=_path,
        metavar="FILE",
        help="the log, of which the last 500 lines are taken (default: file of [log], or "
        "the systemd journal)",
    )
    parser.add_argument("--yes", action="store_true", help="write it without asking")


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    about: str,
    place: str,
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=about, description=about)
    # Without SUPPRESS the sub-parser would reset an earlier --config to None.
    add_config(action, default=argparse.SUPPRESS)
    action.set_defaults(command=late(place))
    return action


def _passphrase_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file",
        type=_path,
        metavar="FILE",
        help="the passphrase is its first line; by default, you are asked",
    )


def _path(text: str) -> "Path":
    from pathlib import Path

    return Path(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def add_config(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add the option that names the configuration."""
    parser.add_argument(
        "--config", type=_path, metavar="FILE", default=default, help="the configuration file"
    )


def usage(parser: argparse.ArgumentParser) -> int:
    """Print how a command is used and return the exit status."""
    parser.print_help(sys.stderr)
    return WRONG


def late(place: str) -> Command:
    """Return the command ``module:function`` (default: ``main``), imported on its first call."""
    module, _, function = place.partition(":")

    def command(options: argparse.Namespace) -> int:
        status: int = getattr(import_module(f"butler.cli.{module}"), function or "main")(options)
        return status

    return command
