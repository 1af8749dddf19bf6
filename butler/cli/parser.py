"""The sub-commands and their options."""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module

from butler.cli.exit_status import WRONG

TYPE_CHECKING = False  # not from `typing`, which takes as long to import as the rest of --help
if TYPE_CHECKING:
    from pathlib import Path

Command = Callable[[argparse.Namespace], int]


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="butler", description="Code repositories on WhatsApp, one active in each chat."
    )
    parser.add_argument(
        "--version",
        action="store_const",
        dest="command",
        const=_late("version:short"),
        help="print the version and exit",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=False)
    parser.set_defaults(command=lambda _options: _usage(parser))

    def add(name: str, help_text: str, place: str | None = None) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_text, description=help_text)
        added.add_argument("--config", type=_path, metavar="FILE", help="the configuration file")
        added.set_defaults(command=_late(place or name))
        return added

    run = add("run", "Run the daemon for the linked WhatsApp account until SIGTERM or Ctrl-C.")
    run.add_argument(
        "--strict",
        action="store_true",
        help="do not start with the last good configuration if the file has mistakes",
    )
    add("reload", "Let the daemon read its configuration again.")
    _console_options(add("console", "Chat with the bot in this terminal, without a phone."))
    _pair_options(add("pair", "Link a WhatsApp account by a QR code or a code to type."))
    add("unlink", "Unlink the WhatsApp account, and delete its messages and credentials here.")
    add("check", "Check the configuration and everything that it names.")
    _sessions_options(add("sessions", "List the sessions of all chats, or clear one."))
    _service_options(add("service", "Run Butler as a service, by systemd or launchd."))
    status = add("status", "Show the daemon, its link to WhatsApp, and its backlog.")
    status.add_argument("--json", action="store_true", help="print a line of JSON, for programs")
    status.add_argument(
        "--disk", action="store_true", help="show each file of the data folder and its limit"
    )
    status.add_argument(
        "--healthy",
        action="store_true",
        help="print nothing; exit with 0 if the link is up and messages can be read, else 1",
    )
    _why_options(
        add("why", "List ignored and refused messages, with the rule that decided.", "records:why")
    )
    _audit_options(
        add(
            "audit", "List the commands that were run, by whom, and their results.", "records:audit"
        )
    )
    _worker_options(add("worker", "Work in the repos here for the chats of another machine."))
    _workers_options(add("workers", "List the workers of this machine, add or remove one."))
    notify = add("notify", "Try the ways of [notify] to reach you beside WhatsApp.")
    notify.add_argument("--test", action="store_true", required=True, help="send a test notice")
    add("plugins", "List the installed plugins and their commands.")
    _backup_options(add("backup", "Save the data and the configuration in one encrypted file."))
    _restore_options(add("restore", "Put a backup where there is no data yet."))
    add("init", "Write a commented config.toml with the repos found nearby.")
    doctor = add("doctor", "Check also what is alive and what was left behind.")
    doctor.add_argument("--fix", action="store_true", help="mend what does no harm")
    _report_options(add("report", "Write a redacted report to attach to an issue."))
    add("version", "Print what is installed.")
    update = add("update", "Say how to update Butler.")
    update.add_argument(
        "--check", action="store_true", help="ask the package index for a newer version"
    )
    completion = add("completion", "Print a script that completes commands in a shell.")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    return parser


def _path(text: str) -> "Path":
    from pathlib import Path

    return Path(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def _console_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jsonl", action="store_true", help="read and write JSON lines, for programs"
    )
    parser.add_argument("--chat", metavar="CHAT", help='the chat to type in (default: "console")')
    parser.add_argument(
        "--sender", metavar="PERSON", help="phone number or LID of the sender (default: an owner)"
    )


def _pair_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--phone",
        metavar="+49…",
        help="show a code to type instead of a QR code; the account's number",
    )
    parser.add_argument("--png", type=_path, metavar="FILE", help="also write the QR code there")


def _sessions_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON lines, for programs")
    parser.add_argument(
        "--copy-to", choices=["redis"], help="copy the sessions in SQLite to the Redis of [redis]"
    )
    actions = parser.add_subparsers(metavar="[ACTION]")
    forget = "Delete the session of a chat."
    clear = _action(actions, "clear", forget, "sessions:clear")
    clear.add_argument("chat", metavar="CHAT", help="id of the chat, as listed by butler sessions")


def _worker_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", metavar="NAME", help="its name (default: the one it joined with)")
    actions = parser.add_subparsers(metavar="[ACTION]")
    about = "Join the machine that printed a code, once, then work for it."
    join = _action(actions, "join", about, "worker:join")
    join.add_argument("code", metavar="CODE", help="printed there by: butler workers add NAME")


def _workers_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON lines, for programs")
    actions = parser.add_subparsers(metavar="[ACTION]")
    about = "Print the line by which a worker joins, once, and its rule for Redis."
    adding = _action(actions, "add", about, "workers:add")
    adding.add_argument("name", metavar="NAME", help="what it will be called in chats")
    removing = _action(actions, "remove", "Forget a worker.", "workers:remove")
    removing.add_argument("name", metavar="NAME", help="as listed by butler workers")


def _service_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=lambda _options: _usage(parser))
    actions = parser.add_subparsers(metavar="ACTION")
    about = "Install and start the service; it keeps the PATH of this shell."
    _action(actions, "install", about, "service:install")
    _action(actions, "uninstall", "End the service and remove it.", "service:uninstall")
    _action(actions, "status", "Show what the service manager knows.", "service:status")
    logs = _action(actions, "logs", "Show the last 200 lines of the log.", "service:logs")
    logs.add_argument("--follow", action="store_true", help="go on with what comes")


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    about: str,
    place: str,
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=about, description=about)
    # Without SUPPRESS the sub-parser would reset an earlier --config to None.
    action.add_argument(
        "--config",
        type=_path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="the configuration file",
    )
    action.set_defaults(command=_late(place))
    return action


def _why_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--chat", metavar="CHAT", help="only messages of this chat")
    parser.add_argument(
        "--last", type=_count, default=20, metavar="N", help="number of entries (default: 20)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines, for programs")


def _audit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        default="1d",
        metavar="TIME",
        help='such as "30m", "12h", "7d" or "2026-11-22" (default: 1d)',
    )
    parser.add_argument("--chat", metavar="CHAT", help="only commands in this chat")
    parser.add_argument("--json", action="store_true", help="print JSON lines, for programs")


def _backup_options(parser: argparse.ArgumentParser) -> None:
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


def _restore_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=_path, metavar="FILE", help="the backup")
    _passphrase_options(parser)
    parser.add_argument(
        "--identity", type=_path, metavar="FILE", help="the secret key of age or ssh"
    )


def _report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=_path, nargs="?", metavar="FILE", help="default: butler-report-DATE-TIME.txt"
    )
    parser.add_argument(
        "--log",
        type=_path,
        metavar="FILE",
        help="the log, of which the last 500 lines are taken (default: the systemd journal)",
    )
    parser.add_argument("--yes", action="store_true", help="write it without asking")


def _passphrase_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file",
        type=_path,
        metavar="FILE",
        help="the passphrase is its first line; by default, you are asked",
    )


def _usage(parser: argparse.ArgumentParser) -> int:
    parser.print_help(sys.stderr)
    return WRONG


def _late(place: str) -> Command:
    """Return the command ``module:function`` (default: ``main``), imported on its first call."""
    module, _, function = place.partition(":")

    def command(options: argparse.Namespace) -> int:
        status: int = getattr(import_module(f"butler.cli.{module}"), function or "main")(options)
        return status

    return command
