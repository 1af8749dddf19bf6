"""`butler sessions`: what the store holds, also while the daemon runs."""

import json
import time
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from butler import config as configuration
from butler.app import open_sessions
from butler.config import Draft
from butler.errors import ConfigError
from butler.repos import printable
from butler.sessions import Session, SessionManager


def shown(config_path: Path | None, *, as_json: bool) -> str:
    """Return the sessions, most recent first, as a table or as a JSON array."""
    with _open(config_path) as sessions:
        found = sessions.recent_sessions(sessions.count_sessions())
    if as_json:
        return json.dumps([asdict(session) for session in found], indent=1) + "\n"
    if not found:
        return "There are no sessions.\n"
    return "".join(f"{line}\n" for line in map(_line, found))


def clear(config_path: Path | None, chat_id: str) -> str:
    """Forget the session of a chat; return what to tell the user."""
    with _open(config_path) as sessions:
        had_one = sessions.clear_session(chat_id)
    return f"{printable(chat_id)} {'is cleared' if had_one else 'had no session'}."


def _open(config_path: Path | None) -> AbstractContextManager[SessionManager]:
    config = Draft(configuration.find(config_path)).finish()
    if config.sessions.store == "memory":
        raise ConfigError('sessions.store is "memory": only the daemon itself can see them.')
    return open_sessions(config)


def _line(session: Session) -> str:
    used = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(session.last_command_time))
    repo = f"{session.active_repo}  {session.active_repo_path}"
    return f"{used}  {printable(session.chat_id, 80)}  {printable(repo, 300)}"
