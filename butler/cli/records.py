"""`butler why` and `butler audit`: list ignored messages and executed commands."""

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from butler.chat.text import printable
from butler.cli.exit_status import OK
from butler.cli.json_lines import json_line
from butler.cli.output import show_lines
from butler.config import loading
from butler.config.schema import Config
from butler.config.values import moment
from butler.errors import ConfigError
from butler.records.model import Done, Ignored
from butler.records.sqlite import SqliteRecords
from butler.storage.files import is_there
from butler.transports.whatsapp import stored_names

_IDS = "butler why --json lists the ids of those that were."


def why(options: argparse.Namespace) -> int:
    """Print the ignored and refused messages."""
    show_lines(
        ignored(
            options.config,
            chat_id=options.chat,
            last=options.last,
            message_id=options.message,
            as_json=options.json,
        )
    )
    return OK


def audit(options: argparse.Namespace) -> int:
    """Print the executed commands."""
    show_lines(
        done(options.config, since=options.since, chat_id=options.chat, as_json=options.json)
    )
    return OK


def ignored(
    config_path: Path | None,
    *,
    chat_id: str | None,
    last: int,
    as_json: bool,
    message_id: str | None = None,
) -> Iterable[str]:
    """Return a line for each ignored or refused message, newest first, or for one of them."""
    config = _config(config_path)
    records = _records(config)
    if message_id is None:
        entries, none = records.last_ignored(last, chat_id), "No messages were ignored."
    else:
        entries = records.ignored_as(message_id, chat_id)
        none = f"No message with the id {printable(message_id)} was ignored. {_IDS}"
    lines = _lines(entries, _names(config), as_json=as_json)
    return lines if as_json else lines or [none]


def done(
    config_path: Path | None, *, since: str, chat_id: str | None, as_json: bool
) -> Iterable[str]:
    """Return a line for each executed command, oldest first."""
    config = _config(config_path)
    entries = _without_beginnings(_records(config).audit(_moment(since), chat_id))
    lines = _lines(entries, _names(config), as_json=as_json)
    return lines if as_json else lines or ["No commands were run since then."]


def _without_beginnings(entries: Sequence[Done]) -> list[Done]:
    """Leave out the turn of a message that has a later outcome, as that of a run has."""
    ended = {(each.chat_id, each.message_id) for each in entries if each.detail}
    return [each for each in entries if each.detail or (each.chat_id, each.message_id) not in ended]


def _config(config_path: Path | None) -> Config:
    return loading.read(config_path)


def _names(config: Config) -> Mapping[str, str]:
    return stored_names(config.data_dir / "whatsapp")


def _records(config: Config) -> SqliteRecords:
    path = config.data_dir / "records.sqlite3"
    if not is_there(path):
        raise ConfigError(f"There are no records yet: {path} does not exist.")
    return SqliteRecords(path)


def _lines(
    entries: Iterable[Ignored | Done], names: Mapping[str, str], *, as_json: bool
) -> list[str]:
    line = _as_json if as_json else _shown
    return [line(entry, names.get(entry.chat_id)) for entry in entries]


def _as_json(entry: Ignored | Done, name: str | None) -> str:
    return json_line(entry._asdict() | {"chat_name": name})


def _shown(entry: Ignored | Done, name: str | None) -> str:
    chat = printable(entry.chat_id) + (f" ({printable(name)})" if name else "")
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time))
    who = f"{chat}  {printable(entry.sender)}"
    if isinstance(entry, Ignored):
        return f"{when}  {who}  {entry.rule}: {printable(entry.detail, 200)}"
    repo = entry.repo or "-"
    return f"{when}  {who}  /{entry.command} {repo} {entry.result}  {printable(entry.detail, 200)}"


def _moment(since: str) -> float:
    try:
        return moment(since, time.time())
    except ValueError:
        raise ConfigError(
            f'--since: expected a time such as "30m", "12h", "7d" or "2026-11-22", found {since!r}.'
        ) from None
