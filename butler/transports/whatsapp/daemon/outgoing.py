"""Files that Butler sends: private copies of them, under their digests."""

import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from butler.chat.content_type import HEAD_BYTES, content_type
from butler.errors import TransportError
from butler.storage.files import private_folder
from butler.transports.whatsapp.protocol.frames import MAX_DOCUMENT_BYTES, Send


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A file to send.

    Attributes:
        path: The private copy, which waits with the reply.
        media_type: Its type, by its content.
    """

    path: Path
    media_type: str

    def carried_by(self, request: Send) -> Send:
        """Return a request that brings the file."""
        return replace(request, attachment=str(self.path), media_type=self.media_type)


def copied(path: Path, folder: Path) -> OutgoingFile:
    """Copy a file into a folder, under its digest; blocks.

    Raises:
        TransportError: It cannot be read or kept, or is too large.
    """
    unfinished = private_folder(folder) / f".{secrets.token_hex(8)}.part"
    try:
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise TransportError(f"A file was not sent: {path.name} is larger than 16 MB.")
        with path.open("rb") as source, unfinished.open("xb") as target:
            os.fchmod(target.fileno(), 0o600)
            media_type = content_type(source.read(HEAD_BYTES))
            source.seek(0)
            shutil.copyfileobj(source, target)
        with unfinished.open("rb") as copy:
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
        kept = folder / digest
        unfinished.replace(kept)
    except OSError as error:
        raise TransportError(f"A file was not sent: {path.name}: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return OutgoingFile(kept, media_type)
