"""What is encrypted with the secret of an earlier message, so that only its readers can read it."""

import os
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MESSAGE_EDIT = "Message Edit"


class Sealed(NamedTuple):
    """A ciphertext with its tag, and the nonce that belongs to it."""

    payload: bytes
    iv: bytes


class About(NamedTuple):
    """The message whose secret is used, whose that is, and who encrypts."""

    message_id: str
    author: str
    sender: str


def seal(
    plain: bytes, secret: bytes, use: str, about: tuple[str, str, str], iv: bytes | None = None
) -> Sealed:
    """Encrypt ``plain`` for that use; the nonce is random by default."""
    iv = iv or os.urandom(12)
    return Sealed(AESGCM(key(secret, use, About(*about))).encrypt(iv, plain, None), iv)


def key(secret: bytes, use: str, about: About) -> bytes:
    """Return the key for one use of a message's secret."""
    info = "".join((*about, use)).encode()
    return HKDF(SHA256(), 32, None, info).derive(secret)
