"""The phone's side of linking by a code of eight characters instead of a QR code.

The code is the password with which both sides encrypt their ephemeral keys for each other.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from whatsapp_server.elements import Element, element
from whatsapp_server.keys import KeyPair, derived

_TAG = "link_code_companion_reg"
_ITERATIONS = 131_072
_SALT_BYTES, _IV_BYTES, _NONCE_BYTES, _KEY_BYTES = 32, 16, 12, 32
_BUNDLE_KEY = b"link_code_pairing_key_bundle_encryption_key"


class WrongCodeError(ValueError):
    """The code is not the one that the client shows."""


class CodePairing:
    """One attempt, from the client's wish for a code to the secret that both sides share."""

    def __init__(self, hello: Element) -> None:
        self.ref = os.urandom(16).hex().encode()
        self.display_name = hello.get("companion_platform_display").data.decode()
        self._wrapped = hello.get("link_code_pairing_wrapped_companion_ephemeral_pub").data
        self._ephemeral = KeyPair()
        self._companion_ephemeral = b""

    def reference(self) -> Element:
        """Return the answer to the client's wish."""
        return element(_TAG, None, element("link_code_pairing_ref", data=self.ref))

    def primary_hello(self, code: str, identity: bytes) -> Element:
        """Return what the phone tells the client once its owner has typed the code."""
        password = code.replace("-", "").strip().upper()
        salt, iv = os.urandom(_SALT_BYTES), os.urandom(_IV_BYTES)
        wrapped = salt + iv + _crypted(password, salt, iv, self._ephemeral.public)
        self._companion_ephemeral = _unwrapped(password, self._wrapped)
        return element(
            _TAG,
            {"stage": "primary_hello"},
            element("link_code_pairing_wrapped_primary_ephemeral_pub", data=wrapped),
            element("primary_identity_pub", data=identity),
            element("link_code_pairing_ref", data=self.ref),
        )

    def secret(self, finish: Element, identity: KeyPair) -> bytes:
        """Return the secret that certifies the new device, from the client's last message.

        Raises:
            WrongCodeError: The two sides did not use the same code.
        """
        shared = self._ephemeral.shared_secret(self._companion_ephemeral)
        bundle = _opened(finish.get("link_code_pairing_wrapped_key_bundle").data, shared)
        companion, random = bundle[:_KEY_BYTES], bundle[2 * _KEY_BYTES :]
        between_identities = identity.shared_secret(companion)
        return derived(shared + between_identities + random, _KEY_BYTES, info=b"adv_secret")


def _unwrapped(password: str, wrapped: bytes) -> bytes:
    salt, rest = wrapped[:_SALT_BYTES], wrapped[_SALT_BYTES:]
    return _crypted(password, salt, rest[:_IV_BYTES], rest[_IV_BYTES:])


def _crypted(password: str, salt: bytes, iv: bytes, data: bytes) -> bytes:
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS, _KEY_BYTES)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def _opened(wrapped: bytes, shared: bytes) -> bytes:
    salt, rest = wrapped[:_SALT_BYTES], wrapped[_SALT_BYTES:]
    key = derived(shared, _KEY_BYTES, salt, _BUNDLE_KEY)
    try:
        return AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], None)
    except InvalidTag:
        raise WrongCodeError("the code is not the one that the client shows") from None
