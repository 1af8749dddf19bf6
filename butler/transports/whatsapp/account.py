"""The linked account, read from the credentials file."""

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from butler.chat.message import Person
from butler.errors import DataError
from butler.storage.files import is_there

CREDENTIALS = "credentials.sqlite3"
MOVED = "moved"
"""Its file says when a backup took the link elsewhere."""

_ADDRESS = re.compile(r"(?P<user>[0-9]+)(?:\.[0-9]+)?(?::(?P<device>[0-9]+))?@(?P<server>[a-z.]+)")


@dataclass(frozen=True, slots=True)
class Account:
    """The WhatsApp account that Butler is linked to.

    Attributes:
        phone: ``+4915112345678``.
        lid: ``123456789@lid``; None if WhatsApp did not report it.
        device: The number of Butler's own device.
    """

    phone: str
    lid: str | None
    device: int

    def __str__(self) -> str:
        return self.phone

    @property
    def person(self) -> Person:
        """The account's owner."""
        return Person(phone=self.phone, lid=self.lid)

    @property
    def chat_id(self) -> str:
        """The chat of the account with itself."""
        return self.lid or f"{self.phone.removeprefix('+')}@s.whatsapp.net"


def linked_account(folder: Path) -> str | None:
    """Return the phone number of the account linked in ``folder``; None if there is none.

    Raises:
        DataError: The credentials cannot be read.
    """
    account = read_account(folder)
    return account.phone if account else None


def read_account(folder: Path) -> Account | None:
    """Return the account linked in ``folder``; None if there is none.

    Raises:
        DataError: The credentials cannot be read.
    """
    path = folder / CREDENTIALS
    if not is_there(path):
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as db:
            if not db.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'whatsmeow_device'"
            ).fetchone():
                return None
            row = db.execute("SELECT jid, lid FROM whatsmeow_device ORDER BY rowid DESC").fetchone()
    except sqlite3.Error as error:
        raise DataError(
            f"The WhatsApp credentials in {path} cannot be read: {error}. "
            "If that stays so, link the account again: butler unlink, then butler pair"
        ) from error
    return _account(*row) if row else None


def _account(jid: str, lid: str | None) -> Account | None:
    own, hidden = _ADDRESS.fullmatch(jid), _ADDRESS.fullmatch(lid or "")
    if own is None:
        return None
    return Account(
        f"+{own['user']}", f"{hidden['user']}@lid" if hidden else None, int(own["device"] or 0)
    )
