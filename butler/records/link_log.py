"""The log of the link's changes, in the file of the records."""

import logging
from contextlib import closing
from pathlib import Path

from butler.errors import DataError
from butler.logs import Complaint
from butler.records.tables import MIGRATIONS
from butler.storage.files import PATIENCE_S, data_error, is_there
from butler.storage.sqlite import Database

logger = logging.getLogger(__name__)


class LinkLog:
    """Notes when the link to the chat network changed its state.

    Args:
        path: The file of the records.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._complaint = Complaint(logger)

    def note(self, time_s: float, state: str, reason: str) -> None:
        """Note a change; a failure is logged once. Blocks.

        Whoever writes the records makes their file; one that vanished is not made again here.
        """
        query = "INSERT INTO link VALUES (?, ?, ?)"
        try:
            if not is_there(self._path):
                raise DataError(f"{self._path} has vanished.")
            with self._opened() as database:
                database.change(query, (time_s, state, reason))
        except DataError as error:
            self._complaint.begin("changes of the link are not recorded: %s", error)
        else:
            self._complaint.end("changes of the link are recorded again")

    def _opened(self) -> closing[Database]:
        return closing(Database(self._path, MIGRATIONS, raises=data_error, patience_s=PATIENCE_S))
