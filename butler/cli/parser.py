"""The sub-commands."""

import argparse
from collections.abc import Callable

from butler.cli import options

AddOptions = Callable[[argparse.ArgumentParser], None]

_COMMANDS: tuple[tuple[str, str, AddOptions | None, str], ...] = (
    (
        "run",
        "Run the daemon for the linked WhatsApp account until SIGTERM or Ctrl-C.",
        options.run_options,
        "",
    ),
    ("reload", "Let the daemon read its configuration again.", None, ""),
    (
        "console",
        "Chat with the bot in this terminal, without a phone.",
        options.console_options,
        "",
    ),
    ("pair", "Link a WhatsApp account by a QR code or a code to type.", options.pair_options, ""),
    (
        "unlink",
        "Unlink the WhatsApp account, and delete its messages and credentials here.",
        None,
        "",
    ),
    ("check", "Check the configuration and everything that it names.", None, ""),
    ("sessions", "List the sessions of all chats, or clear one.", options.sessions_options, ""),
    ("service", "Run Butler as a service, by systemd or launchd.", options.service_options, ""),
    (
        "status",
        "Show the daemon, its link to WhatsApp, and its backlog.",
        options.status_options,
        "",
    ),
    (
        "panel",
        "Open Butler's panel in the browser, and print its link.",
        options.panel_options,
        "",
    ),
    (
        "why",
        "List ignored and refused messages, with the rule that decided.",
        options.why_options,
        "records:why",
    ),
    (
        "audit",
        "List the commands that were run, by whom, and their results.",
        options.audit_options,
        "records:audit",
    ),
    (
        "worker",
        "Work in the repos here for the chats of another machine.",
        options.worker_options,
        "",
    ),
    (
        "workers",
        "List the workers of this machine, add or remove one.",
        options.workers_options,
        "",
    ),
    (
        "notify",
        "Try the ways of [notify] to reach you besides WhatsApp.",
        options.notify_options,
        "",
    ),
    ("plugins", "List the installed plugins and their commands.", None, ""),
    (
        "backup",
        "Save the data and the configuration in one encrypted file.",
        options.backup_options,
        "",
    ),
    ("restore", "Put a backup where there is no data yet.", options.restore_options, ""),
    ("init", "Write a commented config.toml with the repos found nearby.", None, ""),
    ("doctor", "Check also what is alive and what was left behind.", options.doctor_options, ""),
    ("report", "Write a redacted report to attach to an issue.", options.report_options, ""),
    ("version", "Print what is installed.", None, ""),
    ("update", "Say how to update Butler.", options.update_options, ""),
    (
        "completion",
        "Print a script that completes commands in a shell.",
        options.completion_options,
        "",
    ),
)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="butler", description="Code repositories on WhatsApp, one active in each chat."
    )
    parser.add_argument(
        "--version",
        action="store_const",
        dest="command",
        const=options.late("version:short"),
        help="print the version and exit",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=False)
    parser.set_defaults(command=lambda _options: options.usage(parser))
    for name, about, add_options, place in _COMMANDS:
        command = commands.add_parser(name, help=about, description=about)
        options.add_config(command)
        command.set_defaults(command=options.late(place or name))
        if add_options is not None:
            add_options(command)
    return parser
