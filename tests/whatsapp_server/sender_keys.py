"""The key with which a device encrypts for a whole group at once."""

import os
import secrets
from dataclasses import dataclass, field

from whatsapp_server.keys import KeyPair, derived, is_signed_by, without_type
from whatsapp_server.protobuf import Fields, encode
from whatsapp_server.ratchet import (
    VERSION,
    DuplicateMessageError,
    SignalError,
    cbc_decrypted,
    cbc_encrypted,
    chain_step,
)

_SIGNATURE_BYTES = 64


def _message_keys(seed: bytes) -> tuple[bytes, bytes]:
    keys = derived(seed, 48, info=b"WhisperGroup")
    return keys[16:], keys[:16]


def sender_key_id(message: bytes) -> int:
    """Return the id of the key that a group message is encrypted with."""
    return Fields(message[1:-_SIGNATURE_BYTES]).integer(1)


@dataclass(slots=True)
class SenderKey:
    """The state of a sender key; only its owner holds the signer."""

    key_id: int
    iteration: int
    chain: bytes
    public: bytes
    signer: KeyPair | None = None
    skipped: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def create(cls) -> "SenderKey":
        """Return a new key of our own."""
        signer = KeyPair()
        return cls(secrets.randbits(31), 0, os.urandom(32), signer.public, signer)

    @classmethod
    def learned(cls, distribution: bytes) -> "SenderKey":
        """Return the key that another device has distributed."""
        content = Fields(distribution[1:])
        public = without_type(content.data(4))
        return cls(content.integer(1), content.integer(2), content.data(3), public)

    def distribution(self) -> bytes:
        """Return what the members need to read what follows."""
        public = b"\x05" + self.public
        return VERSION + encode((1, self.key_id), (2, self.iteration), (3, self.chain), (4, public))

    def encrypt(self, plain: bytes) -> bytes:
        """Return the ciphertext for the group."""
        if self.signer is None:
            raise SignalError("only the owner of a sender key encrypts with it")
        seed, self.chain = chain_step(self.chain)
        key, iv = _message_keys(seed)
        sealed = cbc_encrypted(key, iv, plain)
        body = VERSION + encode((1, self.key_id), (2, self.iteration), (3, sealed))
        self.iteration += 1
        return body + self.signer.signature(body)

    def decrypt(self, message: bytes) -> bytes:
        """Return the plain text of a group message.

        Raises:
            SignalError: It is forged, damaged or was read before.
        """
        body, signature = message[:-_SIGNATURE_BYTES], message[-_SIGNATURE_BYTES:]
        if not is_signed_by(self.public, body, signature):
            raise SignalError("the signature of the group message is wrong")
        content = Fields(body[1:])
        key, iv = _message_keys(self._seed(content.integer(2)))
        return cbc_decrypted(key, iv, content.data(3))

    def _seed(self, iteration: int) -> bytes:
        if iteration < self.iteration:
            if iteration not in self.skipped:
                raise DuplicateMessageError(f"iteration {iteration} was used before")
            return self.skipped.pop(iteration)
        while self.iteration < iteration:
            self.skipped[self.iteration], self.chain = chain_step(self.chain)
            self.iteration += 1
        self.iteration += 1
        seed, self.chain = chain_step(self.chain)
        return seed
