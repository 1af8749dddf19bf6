"""The link to WhatsApp that a backup moved elsewhere, and the mark that it left here."""

from pathlib import Path

from butler.storage.files import is_there
from butler.transports.whatsapp import MOVED


def moved_link(folder: Path) -> str:
    """Say that the link of an account's folder was moved, and the way back; "" if it was not.

    Raises:
        DataError: The folder cannot be read.
    """
    mark = folder / MOVED
    if not is_there(mark):
        return ""
    return (
        "A backup with --with-link moved the link to WhatsApp elsewhere, and two copies throw "
        f"each other out. If nothing uses that backup: rm {mark}"
    )
