"""A Signal session, version 3: X3DH and the double ratchet. Nothing here is hardened."""

import hmac
from dataclasses import dataclass, field, fields, replace

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from whatsapp_server.keys import KeyPair, derived, is_signed_by, without_type
from whatsapp_server.protobuf import Fields, encode

VERSION = b"\x33"
_MOST_SKIPPED = 25_000
_CHAINS_KEPT = 5
_BLOCK_BYTES, _MAC_BYTES = 16, 8


class SignalError(Exception):
    """A message cannot be decrypted."""


class DuplicateMessageError(SignalError):
    """The message's key has been used before."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a server hands out so that somebody can open a session with a device."""

    registration_id: int
    identity: bytes
    signed_id: int
    signed_public: bytes
    signature: bytes
    one_time_id: int | None = None
    one_time_public: bytes = b""

    @property
    def is_genuine(self) -> bool:
        """Whether the signed key is signed by the identity."""
        typed = b"\x05" + without_type(self.signed_public)
        return is_signed_by(self.identity, typed, self.signature)


def cbc_encrypted(key: bytes, iv: bytes, plain: bytes) -> bytes:
    """Return AES-CBC output, padded as PKCS #7 says."""
    size = _BLOCK_BYTES - len(plain) % _BLOCK_BYTES
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plain + bytes([size]) * size) + encryptor.finalize()


def cbc_decrypted(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    """Return what was encrypted with AES-CBC.

    Raises:
        SignalError: The padding is wrong.
    """
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(sealed) + decryptor.finalize()
    if not plain or not 1 <= plain[-1] <= _BLOCK_BYTES:
        raise SignalError("the padding is wrong")
    return plain[: -plain[-1]]


def chain_step(chain_key: bytes) -> tuple[bytes, bytes]:
    """Return the seed of a message's keys, and the next chain key."""
    return hmac.digest(chain_key, b"\x01", "sha256"), hmac.digest(chain_key, b"\x02", "sha256")


def _root_step(root: bytes, secret: bytes) -> tuple[bytes, bytes]:
    keys = derived(secret, 64, root, b"WhisperRatchet")
    return keys[:32], keys[32:]


def _first_keys(*secrets: bytes) -> tuple[bytes, bytes]:
    keys = derived(b"\xff" * 32 + b"".join(secrets), 64, info=b"WhisperText")
    return keys[:32], keys[32:]


def _mac(key: bytes, sender: bytes, recipient: bytes, body: bytes) -> bytes:
    data = b"\x05" + sender + b"\x05" + recipient + body
    return hmac.digest(key, data, "sha256")[:_MAC_BYTES]


@dataclass(slots=True)
class _ReceivingChain:
    ratchet: bytes
    key: bytes
    index: int = 0
    skipped: dict[int, bytes] = field(default_factory=dict)

    def seed(self, counter: int) -> bytes:
        """The seed of the message with this counter; each can be had once."""
        if counter < self.index:
            if counter not in self.skipped:
                raise DuplicateMessageError(f"counter {counter} was used before")
            return self.skipped.pop(counter)
        if counter - self.index > _MOST_SKIPPED:
            raise SignalError(f"counter {counter} is too far ahead")
        while self.index < counter:
            self.skipped[self.index], self.key = chain_step(self.key)
            self.index += 1
        self.index += 1
        seed, self.key = chain_step(self.key)
        return seed

    def copy(self) -> "_ReceivingChain":
        return replace(self, skipped=dict(self.skipped))


@dataclass(frozen=True, slots=True)
class _Opening:
    """What the first messages of a session carry, until it is answered."""

    one_time_id: int | None
    signed_id: int
    base: bytes


@dataclass(slots=True)
class Session:
    """One end of a conversation between two devices; identities are without their type byte."""

    local: bytes
    remote: bytes
    base: bytes
    root: bytes
    ratchet: KeyPair
    sending_key: bytes
    sending_index: int = 0
    previous_count: int = 0
    receiving: list[_ReceivingChain] = field(default_factory=list)
    opening: _Opening | None = None

    @classmethod
    def opened(cls, identity: KeyPair, bundle: Bundle) -> "Session":
        """Return our end of a new session with the device that published the bundle.

        Raises:
            SignalError: The bundle's signature is wrong.
        """
        if not bundle.is_genuine:
            raise SignalError("the signed key of the bundle is not signed by its identity")
        base, signed = KeyPair(), without_type(bundle.signed_public)
        secrets = [identity.shared_secret(signed), base.shared_secret(bundle.identity)]
        secrets.append(base.shared_secret(signed))
        if bundle.one_time_public:
            secrets.append(base.shared_secret(bundle.one_time_public))
        first_root, first_chain = _first_keys(*secrets)
        ratchet = KeyPair()
        root, sending_key = _root_step(first_root, ratchet.shared_secret(signed))
        remote = without_type(bundle.identity)
        session = cls(identity.public, remote, base.public, root, ratchet, sending_key)
        session.receiving.append(_ReceivingChain(signed, first_chain))
        session.opening = _Opening(bundle.one_time_id, bundle.signed_id, base.public)
        return session

    @classmethod
    def answered(
        cls,
        identity: KeyPair,
        signed: KeyPair,
        one_time: KeyPair | None,
        remote: bytes,
        base: bytes,
    ) -> "Session":
        """Return our end of a session that the other device has opened with our keys."""
        secrets = [signed.shared_secret(remote), identity.shared_secret(base)]
        secrets.append(signed.shared_secret(base))
        if one_time is not None:
            secrets.append(one_time.shared_secret(base))
        root, chain = _first_keys(*secrets)
        base = without_type(base)
        return cls(identity.public, without_type(remote), base, root, signed, chain)

    def encrypt(self, plain: bytes, registration_id: int) -> tuple[str, bytes]:
        """Return the type (``msg``, or ``pkmsg`` until the first answer) and the ciphertext."""
        seed, self.sending_key = chain_step(self.sending_key)
        keys = derived(seed, 80, info=b"WhisperMessageKeys")
        body = VERSION + encode(
            (1, self.ratchet.typed_public),
            (2, self.sending_index),
            (3, self.previous_count),
            (4, cbc_encrypted(keys[:32], keys[64:], plain)),
        )
        self.sending_index += 1
        message = body + _mac(keys[32:64], self.local, self.remote, body)
        if self.opening is None:
            return "msg", message
        return "pkmsg", VERSION + encode(
            (1, self.opening.one_time_id),
            (2, b"\x05" + self.opening.base),
            (3, b"\x05" + self.local),
            (4, message),
            (5, registration_id),
            (6, self.opening.signed_id),
        )

    def decrypt(self, message: bytes) -> bytes:
        """Return the plain text; a message that fails leaves the session as it was.

        Raises:
            SignalError: It was not meant for this session, or is damaged.
        """
        trial = replace(self, receiving=[chain.copy() for chain in self.receiving])
        plain = trial._open(message)
        for name in (slot.name for slot in fields(self)):
            setattr(self, name, getattr(trial, name))
        return plain

    def _open(self, message: bytes) -> bytes:
        if message[:1] != VERSION:
            raise SignalError(f"unknown version {message[:1].hex()}")
        body, mac = message[:-_MAC_BYTES], message[-_MAC_BYTES:]
        content = Fields(body[1:])
        seed = self._chain(without_type(content.data(1))).seed(content.integer(2))
        keys = derived(seed, 80, info=b"WhisperMessageKeys")
        if not hmac.compare_digest(_mac(keys[32:64], self.remote, self.local, body), mac):
            raise SignalError("the authentication code is wrong")
        self.opening = None
        return cbc_decrypted(keys[:32], keys[64:], content.data(4))

    def _chain(self, ratchet: bytes) -> _ReceivingChain:
        for chain in self.receiving:
            if chain.ratchet == ratchet:
                return chain
        root, key = _root_step(self.root, self.ratchet.shared_secret(ratchet))
        chain = _ReceivingChain(ratchet, key)
        self.receiving = [*self.receiving, chain][-_CHAINS_KEPT:]
        self.previous_count = max(self.sending_index - 1, 0)
        self.ratchet, self.sending_index = KeyPair(), 0
        self.root, self.sending_key = _root_step(root, self.ratchet.shared_secret(ratchet))
        return chain
