"""What owners allowed for always: held by Butler, and never by an agent."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from butler import Repo, Seal, open_database
from butler_run.agents import PermissionAsked
from butler_run.permissions.details import details, visible

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one "always" allows.

    Attributes:
        key: Equal for all that it allows.
        what: The same in words.
        text: The whole of it, with where it holds.
    """

    key: tuple[str, ...]
    what: str
    text: str

    @classmethod
    def of(cls, asked: PermissionAsked, repo: Repo) -> "Scope":
        """Return what "always" means for what is asked in a repo."""
        key, what = _key(asked)
        return cls(key, what, _text(what, repo.name))


@dataclass(frozen=True, slots=True)
class StandingGrant:
    """That an owner allowed something for always in one chat and one working copy."""

    number: int
    chat_id: str
    repo: str
    folder: str
    scope: Scope
    by: str


FILE_NAME = "standing-grants.sqlite3"
_KEY_NAME = "standing-grants.key"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS grants (
    number INTEGER PRIMARY KEY AUTOINCREMENT, chat_id TEXT NOT NULL, repo TEXT NOT NULL,
    folder TEXT NOT NULL, key TEXT NOT NULL, what TEXT NOT NULL, by TEXT NOT NULL, seal TEXT
);
CREATE INDEX IF NOT EXISTS grants_by_chat ON grants (chat_id);
"""
_COLUMNS = "number, chat_id, repo, folder, key, what, by"


class StandingGrants:
    """What was allowed for always, on disk; rows that Butler did not write allow nothing.

    Use it from one thread. Each question reads the file, as other processes may revoke.

    Raises:
        DataError: The file or its key cannot be used; so do all methods.
    """

    def __init__(self, folder: Path) -> None:
        self._seal = Seal.open(folder / _KEY_NAME)
        self._db = open_database(folder / FILE_NAME, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, chat_id: str, repo: Repo, scope: Scope, by: str) -> StandingGrant:
        """Allow what is in the scope from now on."""
        values = (chat_id, repo.name, str(repo.path), json.dumps(scope.key), scope.what, by)
        query = "INSERT INTO grants (chat_id, repo, folder, key, what, by) VALUES (?,?,?,?,?,?)"
        number = int(self._db.execute(query, values).lastrowid or 0)
        seal = self._seal.of("standing", number, *values)
        self._db.execute("UPDATE grants SET seal = ? WHERE number = ?", (seal, number))
        return StandingGrant(number, chat_id, repo.name, str(repo.path), scope, by)

    def find(self, chat_id: str, repo: Repo, asked: PermissionAsked) -> StandingGrant | None:
        """Return the grant that allows what is asked, if there is one."""
        key, _what = _key(asked)
        for grant in self.of(chat_id):
            if grant.folder == str(repo.path) and grant.scope.key == key:
                return grant
        return None

    def of(self, chat_id: str) -> list[StandingGrant]:
        """Return the grants of a chat, oldest first."""
        query = f"SELECT {_COLUMNS}, seal FROM grants WHERE chat_id = ? ORDER BY number"  # noqa: S608
        rows = self._db.execute(query, (chat_id,)).fetchall()
        own = [row[:-1] for row in rows if self._seal.fits(row[-1], "standing", *row[:-1])]
        if len(own) < len(rows):
            logger.error("%s has grants that Butler did not write; they are ignored", FILE_NAME)
        return [_grant(*row) for row in own]

    def revoke(self, chat_id: str, number: int | None) -> list[StandingGrant]:
        """Take back a grant of a chat, or all of them; return those that there were."""
        revoked = [each for each in self.of(chat_id) if number in {None, each.number}]
        for each in revoked:
            self._db.execute("DELETE FROM grants WHERE number = ?", (each.number,))
        return revoked


def _grant(
    number: int, chat_id: str, repo: str, folder: str, key: str, what: str, by: str
) -> StandingGrant:
    scope = Scope(tuple(json.loads(key)), what, _text(what, repo))
    return StandingGrant(number, chat_id, repo, folder, scope, by)


def _text(what: str, repo: str) -> str:
    return f"{what}, for every run in *{repo}* of this chat, until /grants revoke"


def _key(asked: PermissionAsked) -> tuple[tuple[str, ...], str]:
    paths = sorted({change.path for change in asked.changes})
    if asked.command is None and not asked.detail and paths and all(map(_is_ordinary, paths)):
        return ("changes", *paths), f"any change to {visible(', '.join(paths))}"
    exactly = "exactly this command" if asked.command is not None else "exactly this"
    return ("exactly", asked.tool, details(asked)), exactly


def _is_ordinary(path: str) -> bool:
    """Return whether a file lies in the working copy, and under no hidden folder such as .git."""
    return not path.startswith(("/", "~")) and not any(
        part.startswith(".") for part in path.split("/")
    )
