"""The command line. What a sub-command needs is imported when it runs."""

import argparse
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from io import TextIOWrapper

TYPE_CHECKING = False  # not from `typing`, which takes as long to import as the rest of --help
if TYPE_CHECKING:
    from pathlib import Path

OK, FAILED, WRONG = 0, 1, 2
"""Exit status: fine; failed at run time; wrong configuration or usage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that ``arguments`` name and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Folders may have names that are no text.
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    from butler.errors import ButlerError, ConfigError, PluginError
    from butler.sessions import StoreError

    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (ConfigError, PluginError) as error:
        return _complain(str(error), WRONG)
    except (ButlerError, StoreError) as error:
        return _complain(str(error), FAILED)
    except (KeyboardInterrupt, BrokenPipeError):
        return FAILED


def _run_to_the_end(work: Coroutine[object, object, object]) -> int:
    """Run ``work`` on an event loop; it failed if it returns False or a signal cut it short."""
    import asyncio

    try:
        return FAILED if asyncio.run(work) is False else OK
    except asyncio.CancelledError:
        return FAILED
    except ExceptionGroup as group:
        raise _only(group) from group


def _only(group: ExceptionGroup[Exception]) -> Exception:
    """Return the one error that a task group wrapped; the group if there are more."""
    inner = group.exceptions[0]
    if len(group.exceptions) > 1:
        return group
    return _only(inner) if isinstance(inner, ExceptionGroup) else inner


def _show(text: str) -> None:
    """Print ``text`` at once: when Python exits, nobody could say any more that it failed."""
    from butler.errors import TransportError

    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        _give_up_output()
        raise
    except OSError as error:
        _give_up_output()
        raise TransportError(f"The output cannot be written: {error.strerror}.") from None


def _give_up_output() -> None:
    """Keep Python from complaining once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(sentence: str, status: int) -> int:
    print(sentence, file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
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

    def add(
        name: str, function: Callable[[argparse.Namespace], int], help_text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_text, description=help_text)
        added.add_argument("--config", type=_path, metavar="FILE", help="the configuration file")
        added.set_defaults(command=function)
        return added

    add("run", _run, "The daemon: serve the linked WhatsApp account until it is told to stop.")
    _console_options(add("console", _console, "The same bot in this terminal, without a phone."))
    _pair_options(add("pair", _pair, "Link a WhatsApp account: a QR code, or a code to type."))
    add("check", _check, "Check the configuration and all that it names, a line each.")
    _sessions_options(add("sessions", _sessions, "Show the chats' sessions, or clear one."))
    add("status", _status, "Show the daemon, its link to WhatsApp, and what waits.")
    _why_options(add("why", _why, "Show messages that were not acted on, and the rule why."))
    _audit_options(add("audit", _audit, "Show what was done, by whom, and how it ended."))
    add("plugins", _plugins, "Show the plugins that are installed, and their commands.")
    add("init", _init, "Write a commented config.toml with the repos found around here.")
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
    clear.set_defaults(command=_clear_session)


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

    _show(f"butler {version('butler')}\n")
    return OK


def _run(options: argparse.Namespace) -> int:
    from butler import app, daemon, logs

    setup = app.read_setup(options.config)
    logs.configure(setup.config.log.level.upper())
    return _run_to_the_end(daemon.serve(setup))


def _console(options: argparse.Namespace) -> int:
    from butler import app, console, logs
    from butler.chat.message import Person
    from butler.errors import ConfigError

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
        return _run_to_the_end(console.talk_json(setup))
    return _run_to_the_end(console.talk(setup, options.chat or "console", sender))


def _pair(options: argparse.Namespace) -> int:
    from butler import app, logs, pairing

    setup = app.read_setup(options.config)
    logs.configure("WARNING")
    return _run_to_the_end(pairing.link(setup.config, phone=options.phone, png=options.png))


def _check(options: argparse.Namespace) -> int:
    from butler import app, check

    findings = check.findings(app.read_setup(options.config))
    _show("".join(f"{finding}\n" for finding in findings))
    return OK if all(finding.is_fine for finding in findings) else WRONG


def _sessions(options: argparse.Namespace) -> int:
    from butler import stored_sessions

    _show(stored_sessions.shown(options.config, as_json=options.json))
    return OK


def _clear_session(options: argparse.Namespace) -> int:
    from butler import stored_sessions

    _show(stored_sessions.clear(options.config, options.chat) + "\n")
    return OK


def _status(options: argparse.Namespace) -> int:
    from butler import status

    _show("".join(f"{line}\n" for line in status.lines(options.config)))
    return OK


def _why(options: argparse.Namespace) -> int:
    from butler import stored_records

    lines = stored_records.ignored(
        options.config, chat_id=options.chat, last=options.last, as_json=options.json
    )
    _show("".join(f"{line}\n" for line in lines))
    return OK


def _audit(options: argparse.Namespace) -> int:
    from butler import stored_records

    lines = stored_records.audit(
        options.config, since=options.since, chat_id=options.chat, as_json=options.json
    )
    _show("".join(f"{line}\n" for line in lines))
    return OK


def _plugins(options: argparse.Namespace) -> int:
    from butler import app, check

    _show("".join(f"{line}\n" for line in check.plugin_lines(app.read_setup(options.config))))
    return OK


def _init(options: argparse.Namespace) -> int:
    from butler.config import template

    _show(template.write(options.config) + "\n")
    return OK
