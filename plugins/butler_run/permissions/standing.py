"""What owners allowed for always: held by Butler, and never by an agent."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from butler import Repo
from butler_run.agents import PermissionAsked
from butler_run.permissions.details import details, visible


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
        where = f"for every run in *{repo.name}* of this chat"
        return cls(key, what, f"{what}, {where}, until /grants revoke or a restart")


@dataclass(frozen=True, slots=True)
class StandingGrant:
    """That an owner allowed something for always in one chat and one working copy."""

    number: int
    chat_id: str
    repo: str
    folder: str
    scope: Scope
    by: str


class StandingGrants:
    """What was allowed for always since the start; nothing of it is on disk."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._grants: list[StandingGrant] = []

    def add(self, chat_id: str, repo: Repo, scope: Scope, by: str) -> StandingGrant:
        """Allow what is in the scope from now on."""
        number = next(self._numbers)
        grant = StandingGrant(number, chat_id, repo.name, str(repo.path), scope, by)
        self._grants.append(grant)
        return grant

    def find(self, chat_id: str, repo: Repo, asked: PermissionAsked) -> StandingGrant | None:
        """Return the grant that allows what is asked, if there is one."""
        key, _what = _key(asked)
        for grant in self.of(chat_id):
            if grant.folder == str(repo.path) and grant.scope.key == key:
                return grant
        return None

    def of(self, chat_id: str) -> Iterator[StandingGrant]:
        """Yield the grants of a chat, oldest first."""
        return iter([each for each in self._grants if each.chat_id == chat_id])

    def revoke(self, chat_id: str, number: int | None) -> list[StandingGrant]:
        """Take back a grant of a chat, or all of them; return those that there were."""
        revoked = [each for each in self.of(chat_id) if number in {None, each.number}]
        self._grants = [each for each in self._grants if each not in revoked]
        return revoked


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
