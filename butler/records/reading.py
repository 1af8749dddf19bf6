"""The records for those who only read them, while others may write."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from butler.errors import DataError
from butler.records.model import Done, Ignored

Kind = Literal["ignored", "audit"]
_SEARCHED = {
    "ignored": ("chat_id", "sender", "rule", "detail"),
    "audit": ("chat_id", "sender", "command", "repo", "result", "detail"),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; all of it has to hold.

    Attributes:
        chat_id: In this chat; empty for all.
        text: In any column, in any case.
        since: From then on, in Unix seconds.
        until: Before then.
    """

    chat_id: str = ""
    text: str = ""
    since: float = 0.0
    until: float | None = None


class RecordsReader:
    """Reads the records.

    Args:
        path: The file, which need not exist.

    Raises:
        DataError: From all methods: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def ignored(self, wanted: Filter, limit: int) -> list[Ignored]:
        """Return the messages that were not acted on, newest first."""
        return [Ignored(*row) for row in self._found("ignored", wanted, limit)]

    def audit(self, wanted: Filter, limit: int) -> list[Done]:
        """Return what was done, newest first."""
        return [Done(*row) for row in self._found("audit", wanted, limit)]

    def counts(self, kind: Kind, since: float) -> list[tuple[str, int]]:
        """Return the number of entries of each day of this place's calendar, oldest first."""
        query = (
            f"SELECT date(time, 'unixepoch', 'localtime') AS day, count(*) FROM {kind} "  # noqa: S608 - a constant
            "WHERE time >= ? GROUP BY day ORDER BY day"
        )
        return [(str(day), int(count)) for day, count in self._rows(query, (since,))]

    def link_changes(self) -> list[tuple[float, str, str]]:
        """Return time, state and reason of each change of the link, oldest first."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'link'", ()):
            return []  # the file is from an earlier version
        query = "SELECT time, state, reason FROM link ORDER BY time, rowid"
        return [(float(when), state, reason) for when, state, reason in self._rows(query, ())]

    def _found(self, kind: Kind, wanted: Filter, limit: int) -> list[tuple[Any, ...]]:
        columns = " || char(10) || ".join(_SEARCHED[kind])
        query = (
            f"SELECT * FROM {kind} WHERE time >= ? AND time < coalesce(?, time + 1) "  # noqa: S608 - constants
            f"AND (? = '' OR chat_id = ?) AND (? = '' OR instr(lower({columns}), lower(?))) "
            "ORDER BY time DESC, rowid DESC LIMIT ?"
        )
        chat_id, text = wanted.chat_id, wanted.text
        values = (wanted.since, wanted.until, chat_id, chat_id, text, text, limit)
        return self._rows(query, values)

    def _rows(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if not self._path.exists():
            return []
        with self._opened() as db:
            return db.execute(query, values).fetchall()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True)) as db:
                yield db
        except sqlite3.Error as error:
            raise DataError(f"{self._path} cannot be read: {error}.", str(error)) from error
