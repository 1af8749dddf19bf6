"""The tables of grants, of which only the rows that Butler wrote count."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from butler.access.seal import Seal
from butler.errors import DataError
from butler.storage.files import PATIENCE_S, data_error, private_folder
from butler.storage.rows import Value
from butler.storage.sqlite import Database, Row, Statement

logger = logging.getLogger(__name__)

MIGRATIONS = (
    """
    CREATE TABLE people (
        phone TEXT, lid TEXT, is_allowed INTEGER NOT NULL, by TEXT NOT NULL, time REAL NOT NULL
    );
    CREATE TABLE chats (
        chat_id TEXT PRIMARY KEY, by TEXT NOT NULL, time REAL NOT NULL
    );
    CREATE TABLE announced (
        code TEXT PRIMARY KEY, phone TEXT, lid TEXT, time REAL NOT NULL, is_waiting INTEGER NOT NULL
    );
    """,
    """
    CREATE INDEX announced_by_phone ON announced (phone);
    CREATE INDEX announced_by_lid ON announced (lid);
    """,
    """
    ALTER TABLE people ADD COLUMN seal TEXT;
    ALTER TABLE chats ADD COLUMN is_view_only INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE chats ADD COLUMN seal TEXT;
    ALTER TABLE announced ADD COLUMN seal TEXT;
    CREATE TABLE owners (phone TEXT PRIMARY KEY, lid TEXT NOT NULL, seal TEXT NOT NULL);
    """,
)
_SEALED = {
    "people": "phone, lid, is_allowed, by, time",
    "chats": "chat_id, by, time, is_view_only",
    "announced": "code, phone, lid, time",
}


class SealedTables:
    """A SQLite file whose rows are sealed with the key beside it.

    Use it from one thread, inside ``with``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: Database | None = None
        self._seal = Seal(b"", is_new=False)
        self._has_foreign_rows = False

    def __enter__(self) -> Self:
        private_folder(self._path.parent)
        self._opened = Database(
            self._path, MIGRATIONS, raises=data_error, is_checked=True, patience_s=PATIENCE_S
        )
        try:
            self._seal = Seal.open(self._path.with_name("grants.key"))
            if self._seal.is_new:
                self._seal_earlier_rows()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def is_open(self) -> bool:
        """Whether the file is open."""
        return self._opened is not None

    def seal(self, table: str, *values: object) -> str:
        """Return the seal of a row of ``table``."""
        return self._seal.of(table, *values)

    def rows(self, query: str, values: Sequence[Value] = ()) -> list[Row]:
        """Return the rows of a query, sealed or not.

        Raises:
            DataError: The file cannot be read.
        """
        return self._database.read(query, values)

    def own_rows(self, table: str, query: str, values: Sequence[Value] = ()) -> list[Row]:
        """Return the rows that Butler wrote, without the seal that ends each.

        Raises:
            DataError: The file cannot be read.
        """
        rows = self.rows(query, values)
        own = [row[:-1] for row in rows if self._seal.fits(row[-1], table, *_typed(table, row))]
        if len(own) < len(rows) and not self._has_foreign_rows:
            self._has_foreign_rows = True
            logger.error("%s has grants that Butler did not write; they are ignored", self._path)
        return own

    def write(self, *statements: Statement) -> None:
        """Execute statements in one transaction.

        Raises:
            DataError: The file cannot be written.
        """
        self._database.write(*statements)

    def version(self) -> int:
        """Return a number that changes when another connection writes.

        Raises:
            DataError: The file cannot be read.
        """
        return int(self.rows("PRAGMA data_version")[0][0])

    def _seal_earlier_rows(self) -> None:
        """Seal the rows of a version without seals; none where there are seals of a lost key."""
        for table in _SEALED:
            if self.rows(f"SELECT 1 FROM {table} WHERE seal IS NOT NULL LIMIT 1"):  # noqa: S608
                return
        for table, columns in _SEALED.items():
            for row in self.rows(f"SELECT {columns}, rowid FROM {table}"):  # noqa: S608
                seal = self._seal.of(table, *_typed(table, row))
                query = f"UPDATE {table} SET seal = ? WHERE rowid = ?"  # noqa: S608
                self._database.change(query, (seal, row[-1]))

    @property
    def _database(self) -> Database:
        if self._opened is None:
            raise DataError(f"{self._path} is not open.")
        return self._opened


def _typed(table: str, row: Row) -> list[object]:
    """Return the values of a row as they were sealed; SQLite has no type for truth."""
    *values, _last = row
    truth = {"people": 2, "chats": 3}.get(table)
    return [bool(value) if place == truth else value for place, value in enumerate(values)]
