"""Curve25519 key pairs with Diffie-Hellman and XEdDSA signatures, and the key derivation."""

import hashlib
import hmac
import os

from nacl import bindings, exceptions

_FIELD_PRIME = 2**255 - 19
_GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
_XEDDSA_PREFIX = b"\xfe" + b"\xff" * 31
_TYPE_BYTE = b"\x05"


class KeyPair:
    """A Curve25519 key pair in Montgomery form; a fresh one unless its private key is given."""

    __slots__ = ("_edwards", "_scalar", "private", "public")

    def __init__(self, private: bytes | None = None) -> None:
        raw = bytearray(os.urandom(32) if private is None else private)
        raw[0] &= 248
        raw[31] = raw[31] & 127 | 64
        self.private = bytes(raw)
        self.public = bindings.crypto_scalarmult_base(self.private)
        self._scalar = 0
        self._edwards = b""

    @property
    def typed_public(self) -> bytes:
        """The public key after Signal's type byte."""
        return _TYPE_BYTE + self.public

    def shared_secret(self, public: bytes) -> bytes:
        """Return the Diffie-Hellman secret with another party's public key."""
        return bindings.crypto_scalarmult(self.private, without_type(public))

    def signature(self, message: bytes) -> bytes:
        """Return the XEdDSA signature: in Ed25519's form, checked with the Montgomery key.

        Source: https://signal.org/docs/specifications/xeddsa/
        """
        if not self._edwards:
            self._scalar, self._edwards = _edwards_pair(self.private)
        seed = _XEDDSA_PREFIX + self._scalar.to_bytes(32, "little") + message + os.urandom(64)
        nonce = _hash_to_scalar(seed)
        point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
        challenge = _hash_to_scalar(point + self._edwards + message)
        response = (nonce + challenge * self._scalar) % _GROUP_ORDER
        return point + response.to_bytes(32, "little")


def _edwards_pair(private: bytes) -> tuple[int, bytes]:
    scalar = int.from_bytes(private, "little") % _GROUP_ORDER
    point = bytearray(bindings.crypto_scalarmult_ed25519_base_noclamp(private))
    if point[31] & 0x80:
        scalar = _GROUP_ORDER - scalar
        point[31] &= 0x7F
    return scalar, bytes(point)


def _hash_to_scalar(data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % _GROUP_ORDER


def without_type(public: bytes) -> bytes:
    """Return the 32 bytes of a public key, with or without Signal's type byte."""
    return public[1:] if len(public) == 33 and public[:1] == _TYPE_BYTE else public


def is_signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether the XEdDSA signature of the message was made with this key."""
    if len(signature) != 64:
        return False
    montgomery = int.from_bytes(without_type(public), "little") & ((1 << 255) - 1)
    edwards = (montgomery - 1) * pow(montgomery + 1, -1, _FIELD_PRIME) % _FIELD_PRIME
    point = bytearray(edwards.to_bytes(32, "little"))
    point[31] |= signature[63] & 0x80
    signed = signature[:63] + bytes([signature[63] & 0x7F]) + message
    try:
        bindings.crypto_sign_open(signed, bytes(point))
    except exceptions.BadSignatureError:
        return False
    return True


def derived(secret: bytes, size_bytes: int, salt: bytes = b"\0" * 32, info: bytes = b"") -> bytes:
    """Return HKDF-SHA256 output for a secret."""
    key = hmac.digest(salt, secret, "sha256")
    out = block = b""
    counter = 1
    while len(out) < size_bytes:
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        out += block
        counter += 1
    return out[:size_bytes]
