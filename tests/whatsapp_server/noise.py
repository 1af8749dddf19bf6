"""Noise_XX_25519_AESGCM_SHA256 from the responder's side, the way WhatsApp uses it."""

import hashlib
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from whatsapp_server.keys import KeyPair, derived
from whatsapp_server.protobuf import Fields, encode

_PATTERN = b"Noise_XX_25519_AESGCM_SHA256\x00\x00\x00\x00"
_DAY_S = 86_400


class Authority:
    """The certificate chain, root to intermediate to leaf, over the server's static key."""

    def __init__(self, root: KeyPair) -> None:
        self.static = KeyPair()
        intermediate = KeyPair()
        middle = _certificate(1, 0, intermediate.public)
        leaf = _certificate(2, 1, self.static.public)
        self.chain = encode(
            (1, encode((1, leaf), (2, intermediate.signature(leaf)))),
            (2, encode((1, middle), (2, root.signature(middle)))),
        )


def _certificate(serial: int, issuer_serial: int, public: bytes) -> bytes:
    now = int(time.time())
    validity = (4, now - _DAY_S), (5, now + 365 * _DAY_S)
    return encode((1, serial), (2, issuer_serial), (3, public), *validity)


class TransportCipher:
    """One direction of the connection once the handshake is over."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._counter = 0

    def seal(self, plain: bytes) -> bytes:
        """Encrypt the next frame."""
        return self._cipher.encrypt(self._next_iv(), plain, None)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt the next frame."""
        return self._cipher.decrypt(self._next_iv(), sealed, None)

    def _next_iv(self) -> bytes:
        self._counter += 1
        return _iv(self._counter - 1)


def _iv(counter: int) -> bytes:
    return b"\0" * 8 + counter.to_bytes(4, "big")


class Responder:
    """Drives the three messages of the handshake, then gives the two ciphers."""

    def __init__(self, authority: Authority, header: bytes) -> None:
        self.client_static = b""
        self._authority = authority
        self._ephemeral = KeyPair()
        self._hash = self._salt = _PATTERN
        self._cipher = AESGCM(_PATTERN)
        self._counter = 0
        self._mix_hash(header)

    def hello(self, client_hello: bytes) -> bytes:
        """Take the client's first frame and return the answer to it.

        Raises:
            ValueError: The frame holds no key.
        """
        client_ephemeral = Fields(client_hello).message(2).data(1)
        if len(client_ephemeral) != 32:
            raise ValueError("the client's first frame holds no ephemeral key")
        self._mix_hash(client_ephemeral)
        self._mix_hash(self._ephemeral.public)
        self._mix_key(self._ephemeral.shared_secret(client_ephemeral))
        static = self._seal(self._authority.static.public)
        self._mix_key(self._authority.static.shared_secret(client_ephemeral))
        chain = self._seal(self._authority.chain)
        return encode((3, encode((1, self._ephemeral.public), (2, static), (3, chain))))

    def finish(self, client_finish: bytes) -> Fields:
        """Take the client's second frame and return its login payload."""
        frame = Fields(client_finish).message(4)
        self.client_static = self._open(frame.data(1))
        self._mix_key(self._ephemeral.shared_secret(self.client_static))
        return Fields(self._open(frame.data(2)))

    def ciphers(self) -> tuple[TransportCipher, TransportCipher]:
        """Return the ciphers for receiving and for sending."""
        keys = derived(b"", 64, self._salt)
        return TransportCipher(keys[:32]), TransportCipher(keys[32:])

    def _mix_hash(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def _mix_key(self, secret: bytes) -> None:
        keys = derived(secret, 64, self._salt)
        self._salt, self._cipher, self._counter = keys[:32], AESGCM(keys[32:]), 0

    def _seal(self, plain: bytes) -> bytes:
        sealed = self._cipher.encrypt(_iv(self._counter), plain, self._hash)
        self._counter += 1
        self._mix_hash(sealed)
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        plain = self._cipher.decrypt(_iv(self._counter), sealed, self._hash)
        self._counter += 1
        self._mix_hash(sealed)
        return plain
