"""Remembers the LID of each owner who is configured by phone number."""

import logging

from butler.access.sealed_tables import SealedTables
from butler.errors import DataError

logger = logging.getLogger(__name__)

_OWNERS = "SELECT phone, lid, seal FROM owners"


class OwnerLids:
    """The first LID that the phone number of an owner wrote with.

    A number may be given to somebody else, and its new holder has another LID.

    Attributes:
        news: Sentences for the owner.
        learned: Entries for the audit.
    """

    def __init__(self, tables: SealedTables) -> None:
        self._tables = tables
        self._known: dict[str, str] = {}
        self._strange: dict[str, str] = {}
        self.news: list[str] = []
        self.learned: list[str] = []

    def load(self) -> None:
        """Read what was kept.

        Raises:
            DataError: The file cannot be read.
        """
        rows = self._tables.own_rows("owners", _OWNERS)
        self._known = {str(phone): str(lid) for phone, lid in rows}

    def knows(self, phone: str, lid: str) -> bool:
        """Return whether the owner writes with the LID they had; the first one is kept."""
        known = self._known.get(phone)
        if known is None:
            self._keep(phone, lid)
            self.learned.append(f"{lid} is the owner {phone} from now on")
        elif known != lid and self._strange.get(phone) != lid:
            self._strange[phone] = lid
            logger.warning("the owner %s has another LID and is not obeyed", phone)
            self.news.append(
                f"The number of an owner, {phone}, writes with another LID ({lid}) "
                f"than before ({known}), so I do not obey it. If that is you: /allow {lid}"
            )
        return known in {None, lid}

    def confirm(self, lid: str | None) -> str | None:
        """Let an owner have another LID, if it was seen; return their phone number then."""
        for phone, strange in self._strange.items():
            if strange == lid:
                self._keep(phone, strange)
                del self._strange[phone]
                return phone
        return None

    def _keep(self, phone: str, lid: str) -> None:
        query = "INSERT OR REPLACE INTO owners (phone, lid, seal) VALUES (?, ?, ?)"
        self._known[phone] = lid
        try:
            self._tables.write((query, (phone, lid, self._tables.seal("owners", phone, lid))))
        except DataError as error:
            logger.error("cannot save the LID of the owner %s: %s", phone, error)
