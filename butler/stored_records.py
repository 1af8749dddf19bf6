"""`butler why` and `butler audit`: what became of messages."""

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path

from butler import config as configuration
from butler.config import Draft
from butler.errors import ConfigError
from butler.files import is_there
from butler.records import Done, Ignored, SqliteRecords
from butler.repos import printable

_UNITS_S = {"m": 60, "h": 3600, "d": 86_400}


def ignored(
    config_path: Path | None, *, chat_id: str | None, last: int, as_json: bool
) -> Iterable[str]:
    """Return a line for each message that was not acted on, newest first."""
    entries = _records(config_path).last_ignored(last, chat_id)
    return _lines(entries, as_json=as_json) or ["There is nothing that was not acted on."]


def audit(
    config_path: Path | None, *, since: str, chat_id: str | None, as_json: bool
) -> Iterable[str]:
    """Return a line for each command that was carried out, oldest first."""
    entries = _records(config_path).audit(_moment(since), chat_id)
    return _lines(entries, as_json=as_json) or ["Nothing was done since then."]


def _records(config_path: Path | None) -> SqliteRecords:
    config = Draft(configuration.find(config_path)).finish()
    path = config.data_dir / "records.sqlite3"
    if not is_there(path):
        raise ConfigError(f"There are no records yet: {path} does not exist.")
    return SqliteRecords(path)


def _lines(entries: Iterable[Ignored | Done], *, as_json: bool) -> list[str]:
    if as_json:
        return [_json(entry) for entry in entries]
    return [_shown(entry) for entry in entries]


def _json(entry: Ignored | Done) -> str:
    """Return ``entry`` as JSON; escaped where a terminal might obey what is in it."""
    text = json.dumps(entry._asdict(), ensure_ascii=False)
    return text if text.isprintable() else json.dumps(entry._asdict())


def _shown(entry: Ignored | Done) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time))
    who = f"{printable(entry.chat_id)}  {printable(entry.sender)}"
    if isinstance(entry, Ignored):
        return f"{when}  {who}  {entry.rule}: {printable(entry.detail, 200)}"
    repo = entry.repo or "-"
    return f"{when}  {who}  /{entry.command} {repo} {entry.result}  {printable(entry.detail, 200)}"


def _moment(since: str) -> float:
    """Return the Unix time meant by ``30m``, ``12h``, ``7d`` or ``2026-11-22``."""
    if match := re.fullmatch(r"([0-9]{1,6})([mhd])", since):
        return time.time() - int(match[1]) * _UNITS_S[match[2]]
    try:
        return time.mktime(time.strptime(since, "%Y-%m-%d"))
    except (ValueError, OverflowError):
        raise ConfigError(
            f'--since: expected a time such as "30m", "12h", "7d" or "2026-11-22", found {since!r}.'
        ) from None
