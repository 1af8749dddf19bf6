"""A download from WhatsApp's media host: streamed, bounded, and checked before it is kept."""

import base64
import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

from butler.errors import UserError
from butler.storage.disk import NO_ROOM
from butler.storage.files import private_folder
from butler.transports.whatsapp.gateway import unused_imports

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

HOST = "https://mmg.whatsapp.net"
"""The only host that is asked: the address in a message is its sender's choice."""

LIMIT_S = 60.0
SILENCE_S = 10.0
ATTEMPTS = 3
WAIT_S = 1.0

_KEY_NAMES = {
    "image": b"WhatsApp Image Keys",
    "video": b"WhatsApp Video Keys",
    "audio": b"WhatsApp Audio Keys",
    "document": b"WhatsApp Document Keys",
}
_MAC_BYTES = 10
_BLOCK_BYTES = 16
_DIGEST_BYTES = 32
_GONE = frozenset({403, 404, 410})
_OK = 200

GONE = "WhatsApp no longer has this file. Send it again."
DAMAGED = "The file did not arrive as it was sent. Send it again."
NOT_IN_TIME = "WhatsApp did not deliver the file in time. Send it again."


@dataclass(frozen=True, slots=True)
class Download:
    """A file on the media host, as a message describes it.

    Attributes:
        mms_type: ``image``, ``video``, ``audio`` or ``document``.
        path: Its path on the host.
        key: The key of the message.
        digest: The SHA-256 of its content.
        enc_digest: The SHA-256 of the encrypted file.
    """

    mms_type: str
    path: str
    key: bytes
    digest: bytes
    enc_digest: bytes

    @property
    def url(self) -> str:
        """Where it is."""
        hashed = base64.urlsafe_b64encode(self.enc_digest).decode()
        joint = "&" if "?" in self.path else "?"
        return f"{HOST}{self.path}{joint}hash={hashed}&mms-type={self.mms_type}&__wa-mms="


class _TryAgainError(Exception):
    """It may work a moment later."""


def download(wanted: Download, folder: Path, max_bytes: int) -> Path:
    """Fetch a file into a folder, under its digest; blocks for a minute at most.

    Raises:
        UserError: It cannot be had, is too large, or is not what the message says.
    """
    if not wanted.path.startswith("/") or len(wanted.key) != _DIGEST_BYTES:
        raise UserError(GONE)
    if {len(wanted.digest), len(wanted.enc_digest)} != {_DIGEST_BYTES}:
        raise UserError(DAMAGED)
    path = private_folder(folder) / wanted.digest.hex()
    if path.exists():
        os.utime(path)
        return path
    # Imported late: it takes a while, and most gateways never fetch a file.
    unused_imports.bring_back("httpx")
    until = time.monotonic() + LIMIT_S
    for attempt in range(ATTEMPTS):
        with suppress(_TryAgainError):
            return _kept(wanted, path, max_bytes, until)
        if time.monotonic() > until:
            break
        time.sleep(WAIT_S * attempt)
    raise UserError(NOT_IN_TIME)


def _kept(wanted: Download, path: Path, max_bytes: int, until: float) -> Path:
    unfinished = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            decryption = Decryption(wanted)
            for chunk in _chunks(wanted, max_bytes, until):
                file.write(decryption.update(chunk))
            file.write(decryption.end())
            if file.tell() > max_bytes:
                raise UserError(_too_large(max_bytes))
        unfinished.replace(path)
    except OSError as error:
        why = "my disk is full" if error.errno in NO_ROOM else error.strerror
        logger.error("a file cannot be kept in %s: %s", path.parent, error)
        raise UserError(f"The file cannot be kept: {why}. Send it again later.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _chunks(wanted: Download, max_bytes: int, until: float) -> Iterator[bytes]:
    import httpx

    web = "https://web.whatsapp.com"
    headers = {"Origin": web, "Referer": f"{web}/", "Accept-Encoding": "identity"}
    most = max_bytes + _BLOCK_BYTES + _MAC_BYTES
    size = 0
    with (
        _explained(),
        httpx.Client(timeout=SILENCE_S, headers=headers) as client,
        client.stream("GET", wanted.url) as response,
    ):
        _check(response)
        # In the pieces that arrive: a fixed size would wait for it, however slowly they come.
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > most:
                raise UserError(_too_large(max_bytes))
            if time.monotonic() > until:
                raise UserError(NOT_IN_TIME)
            yield chunk


def _too_large(max_bytes: int) -> str:
    return f"The file is larger than {max_bytes // 1_000_000} MB. Send a smaller one."


@contextmanager
def _explained() -> Iterator[None]:
    import httpx

    try:
        yield
    except (httpx.HTTPError, httpx.StreamError) as error:
        logger.warning("a file was not delivered: %r", error)
        raise _TryAgainError from error
    except httpx.InvalidURL:
        raise UserError(GONE) from None


def _check(response: "httpx.Response") -> None:
    if response.status_code in _GONE:
        raise UserError(GONE)
    if response.status_code != _OK:
        logger.warning("WhatsApp answered %d to the request for a file", response.status_code)
        raise _TryAgainError


class Decryption:
    """Decrypts a file piece by piece; its end checks everything.

    What comes out before the end is not verified yet.
    """

    def __init__(self, wanted: Download) -> None:
        name = _KEY_NAMES[wanted.mms_type]
        keys = HKDF(algorithm=SHA256(), length=112, salt=None, info=name).derive(wanted.key)
        iv, cipher_key, mac_key = keys[:16], keys[16:48], keys[48:80]
        self._wanted = wanted
        self._decryptor = Cipher(algorithms.AES256(cipher_key), modes.CBC(iv)).decryptor()
        self._padding = PKCS7(_BLOCK_BYTES * 8).unpadder()
        self._mac = hmac.new(mac_key, iv, "sha256")
        self._digest, self._enc_digest = hashlib.sha256(), hashlib.sha256()
        self._rest = b""

    def update(self, chunk: bytes) -> bytes:
        """Return the content of the next piece of the file."""
        self._enc_digest.update(chunk)
        data = self._rest + chunk
        sealed, self._rest = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        self._mac.update(sealed)
        return self._noted(self._padding.update(self._decryptor.update(sealed)))

    def end(self) -> bytes:
        """Return the rest of the content.

        Raises:
            UserError: The file is not what the message says.
        """
        try:
            last = self._padding.update(self._decryptor.finalize()) + self._padding.finalize()
        except ValueError:
            raise UserError(DAMAGED) from None
        found = self._noted(last)
        checks = (
            (self._mac.digest()[:_MAC_BYTES], self._rest),
            (self._enc_digest.digest(), self._wanted.enc_digest),
            (self._digest.digest(), self._wanted.digest),
        )
        if not all(hmac.compare_digest(one, other) for one, other in checks):
            raise UserError(DAMAGED)
        return found

    def _noted(self, content: bytes) -> bytes:
        self._digest.update(content)
        return content
