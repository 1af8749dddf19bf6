"""`butler sessions`: list or clear sessions, even while the daemon runs."""

import argparse
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from butler.app import SESSIONS_FILE, account_of_sessions, open_sessions, session_store
from butler.chat.text import printable
from butler.cli.exit_status import OK
from butler.cli.json_lines import json_line
from butler.cli.output import show
from butler.config import loading
from butler.config.schema import Config
from butler.errors import ConfigError
from butler.sessions import Session
from butler.transports.whatsapp import stored_names


def main(options: argparse.Namespace) -> int:
    """Print the sessions, or copy them."""
    if options.copy_to is not None:
        show(copied_to_redis(options.config) + "\n")
        return OK
    show(shown(options.config, as_json=options.json))
    return OK


def clear(options: argparse.Namespace) -> int:
    """Delete the session of a chat."""
    show(cleared(options.config, options.chat) + "\n")
    return OK


def shown(config_path: Path | None, *, as_json: bool) -> str:
    """Return the sessions, most recent first, as a table or as lines of JSON."""
    config = _config(config_path)
    with open_sessions(config) as sessions:
        found = sessions.recent_sessions(sessions.count_sessions())
    names = stored_names(config.data_dir / "whatsapp")
    if as_json:
        return "".join(f"{_as_json(each, names.get(each.chat_id))}\n" for each in found)
    if not found:
        return "There are no sessions.\n"
    return "".join(f"{line}\n" for line in _lines(found, names))


def _as_json(session: Session, name: str | None) -> str:
    return json_line(
        {
            "time": session.last_command_time,
            "chat_id": session.chat_id,
            "repo": session.active_repo,
            "repo_path": session.active_repo_path,
            "chat_name": name,
        }
    )


def cleared(config_path: Path | None, chat_id: str) -> str:
    """Delete the session of a chat; return the text for the user."""
    with open_sessions(_config(config_path)) as sessions:
        had_one = sessions.clear_session(chat_id)
    return f"{printable(chat_id)} {'is cleared' if had_one else 'had no session'}."


def copied_to_redis(config_path: Path | None) -> str:
    """Copy the sessions in SQLite to Redis; return the text for the user.

    What is as late or later in Redis stays, so this can be repeated, also while Butler runs.
    """
    from butler.sessions.redis import RedisStore

    config = loading.read(config_path)
    if (place := config.redis.place) is None:
        raise ConfigError("redis.url is missing: it says where to copy the sessions to.")
    path = config.data_dir / SESSIONS_FILE
    if not path.exists():
        raise ConfigError(f"There are no sessions to copy: {path} does not exist.")
    with (
        closing(session_store(config, "sqlite")) as source,
        closing(RedisStore(place, account_of_sessions(config))) as target,
    ):
        adopted = [target.adopt(session) for session in source.all()]
    there = adopted.count(False)
    kept = f", {there:,} are there already, as late or later" if there else ""
    said = (
        f"Copied {sum(adopted):,} of {len(adopted):,} sessions to Redis at {place.address}{kept}."
    )
    if config.sessions.store != "redis":
        said += ' To use them: store = "redis" under [sessions], then restart Butler.'
    return said


def _config(config_path: Path | None) -> Config:
    config = loading.read(config_path)
    if config.sessions.store == "memory":
        raise ConfigError('sessions.store is "memory": only the daemon itself can see them.')
    return config


def _lines(sessions: Sequence[Session], names: Mapping[str, str]) -> list[str]:
    """Return a line for each session, with a column for names if any are known."""
    called = [printable(names.get(each.chat_id, "")) for each in sessions]
    width = max(map(len, called))
    columns = [f"{name:<{width}}  " if width else "" for name in called]
    return [_line(session, column) for session, column in zip(sessions, columns, strict=True)]


def _line(session: Session, column: str) -> str:
    used = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(session.last_command_time))
    repo = f"{session.active_repo}  {session.active_repo_path}"
    return f"{used}  {column}{printable(session.chat_id, 80)}  {printable(repo, 300)}"
