"""Signs rows of a database to detect rows that Butler did not write."""

import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Self

from butler.errors import DataError

_KEY_BYTES = 32


class Seal:
    """A message authentication code (HMAC with SHA-256) under a key that is in a file of its own.

    Attributes:
        is_new: The key was created just now.
    """

    def __init__(self, key: bytes, *, is_new: bool) -> None:
        self._key = key
        self.is_new = is_new

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the key, or create it for its owner only.

        Raises:
            DataError: The file cannot be read or written, or is not a key.
        """
        try:
            is_new = _create(path)
            key = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be used: {error.strerror}.") from None
        if len(key) != _KEY_BYTES:
            raise DataError(f"{path} is not a key. Move it away; what it sealed is then void.")
        return cls(key, is_new=is_new)

    def of(self, *values: object) -> str:
        """Return the seal of a row."""
        return hmac.new(self._key, json.dumps(values).encode(), hashlib.sha256).hexdigest()

    def fits(self, seal: object, *values: object) -> bool:
        """Return whether a seal is the one of a row."""
        return isinstance(seal, str) and hmac.compare_digest(
            seal.encode(), self.of(*values).encode()
        )


def _create(path: Path) -> bool:
    """Create a key in one step, as others may do the same; return whether it is this one."""
    if path.exists():
        return False
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            # Without it, a power cut may leave an empty file, and void all that is sealed later.
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(unfinished)
            return True
    finally:
        unfinished.unlink()
    return False
