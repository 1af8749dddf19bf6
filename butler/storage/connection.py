"""A connection to a SQLite file: takes any text, and may explain its failures."""

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

from butler.storage.sqlite_errors import is_of_the_file

T = TypeVar("T")


def storable(text: str) -> str:
    """Return ``text`` with "?" for the halves of surrogate pairs, which SQLite refuses."""
    return text.encode(errors="replace").decode()


class Connection(sqlite3.Connection):
    """A connection that takes any text.

    Attributes:
        storable: Converts text that UTF-8 cannot encode.
    """

    storable: Callable[[str], str | bytes] = staticmethod(storable)

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:  # what sqlite3 takes
        """Run one statement."""
        try:
            return super().execute(sql, values)
        except UnicodeEncodeError:
            return super().execute(sql, self.all_storable(values))

    def all_storable(self, values: Iterable[Any]) -> list[Any]:
        """Return the values of a statement, with any text that UTF-8 cannot encode converted."""
        return [self.storable(each) if _is_unencodable(each) else each for each in values]


class ExplainingConnection(Connection):
    """A connection that raises errors of Butler's own where its file fails.

    A mistake in a statement, or a broken constraint, stays an error of sqlite3.

    Attributes:
        raises: Returns the error to raise for a failure of the file; None leaves it as it is.
    """

    raises: Callable[[sqlite3.Error], Exception] | None = None

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
        """Run one statement."""
        cursor = self.cursor(_ExplainingCursor)
        try:
            return cursor.execute(sql, values)
        except UnicodeEncodeError:
            return cursor.execute(sql, self.all_storable(values))

    def executemany(self, sql: str, values: Any, /) -> sqlite3.Cursor:
        """Run one statement with each of the values."""
        return self.cursor(_ExplainingCursor).executemany(sql, values)


class _ExplainingCursor(sqlite3.Cursor):
    connection: ExplainingConnection

    def execute(self, sql: str, values: Any = (), /) -> Self:
        return self._explained(super().execute, sql, values)

    def executemany(self, sql: str, values: Any, /) -> Self:
        return self._explained(super().executemany, sql, values)

    def fetchone(self) -> Any:
        return self._explained(super().fetchone)

    def fetchall(self) -> list[Any]:
        return self._explained(super().fetchall)

    def __next__(self) -> Any:
        return self._explained(super().__next__)

    def _explained(self, step: Callable[..., T], *args: Any) -> T:
        try:
            return step(*args)
        except sqlite3.Error as error:
            raises = self.connection.raises
            if raises is None or not is_of_the_file(error):
                raise
            raise raises(error) from error


def _is_unencodable(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False
