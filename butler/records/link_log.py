"""The log of the link's changes, in the file of the records."""

import logging
from contextlib import closing
from pathlib import Path

from butler.errors import DataError
from butler.records.tables import MIGRATIONS
from butler.storage.files import PATIENCE_S, data_error
from butler.storage.sqlite import Database

logger = logging.getLogger(__name__)


class LinkLog:
    """Notes when the link to the chat network changed its state.

    Args:
        path: The file of the records.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, time_s: float, state: str, reason: str) -> None:
        """Note a change; a failure is logged. Blocks."""
        query = "INSERT INTO link VALUES (?, ?, ?)"
        try:
            with self._opened() as database:
                database.change(query, (time_s, state, reason))
        except DataError as error:
            logger.warning("a change of the link is not recorded: %s", error)

    def _opened(self) -> closing[Database]:
        return closing(Database(self._path, MIGRATIONS, raises=data_error, patience_s=PATIENCE_S))
