"""Pairing: a worker joins a hub once, by a line that is of no use afterwards.

The line holds a secret. Both sides prove that they know it and agree on a key by X25519, so the key
is never sent, and whoever finds the line later, in a history of a shell, cannot compute it.
"""

import asyncio
import base64
import binascii
import hmac
import os
import re
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from butler.errors import ConfigError, DataError
from butler.fleet.broker import Broker
from butler.fleet.keys import WorkerKeys

LIFE_S = 120.0
"""Of what is exchanged."""

ANSWER_LIMIT_S = 60.0
POLL_S = 0.25
SECRET_BYTES = 20

_CODE = re.compile(r"([A-Za-z0-9_-]{1,32})@([A-Za-z0-9_-]{1,32}):([A-Z2-7]{32})")


class Code(NamedTuple):
    """What the line says: who joins whom, and the secret."""

    worker: str
    machine: str
    secret: bytes

    def __str__(self) -> str:
        return f"{self.worker}@{self.machine}:{base64.b32encode(self.secret).decode()}"


class _Half(msgspec.Struct, frozen=True):
    """One side of the exchange: its public key, and a proof that it knows the secret."""

    public: bytes
    proof: bytes


_half = msgspec.json.Decoder(_Half)


def new_code(worker: str, machine: str) -> Code:
    """Return a code with a fresh secret."""
    return Code(worker, machine, os.urandom(SECRET_BYTES))


def parsed(text: str) -> Code:
    """Parse a code.

    Raises:
        ConfigError: It is none.
    """
    match = _CODE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            "That is not a code to join. Get one where Butler runs: butler workers add NAME"
        )
    try:
        return Code(match[1], match[2], base64.b32decode(match[3]))
    except binascii.Error as error:
        raise ConfigError(f"That is not a code to join: {error}.") from None


async def join(broker: Broker, code: Code) -> bytes:
    """Join a hub; return the key that is shared with it from now on.

    Raises:
        BrokerError: Redis does not answer.
        DataError: The hub did not answer in time.
    """
    own = X25519PrivateKey.generate()
    public = own.public_key().public_bytes_raw()
    half = _Half(public, _proof(code, b"join", public))
    await broker.put(_key("join", code), msgspec.json.encode(half), LIFE_S)
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            while True:
                other = _read(await broker.get(_key("joined", code)))
                if other and _is_proven(code, b"joined", public + other.public, other):
                    return _shared(code, own, other.public)
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise DataError(
            f"{code.machine} did not answer. Butler has to run there (butler run, or butler "
            "console), with the same [redis]; a code is good for one worker and one hour. "
            f"A new one: butler workers add {code.worker}"
        ) from None


async def welcome(broker: Broker, machine: str, workers: WorkerKeys) -> None:
    """Let in the workers that are invited and ask to join.

    Raises:
        BrokerError: Redis does not answer.
    """
    for name, secret in workers.invitations().items():
        code = Code(name, machine, secret)
        other = _read(await broker.get(_key("join", code)))
        if other is None or not _is_proven(code, b"join", other.public, other):
            continue
        own = X25519PrivateKey.generate()
        public = own.public_key().public_bytes_raw()
        if workers.pair(name, secret, _shared(code, own, other.public)):
            half = _Half(public, _proof(code, b"joined", other.public + public))
            await broker.put(_key("joined", code), msgspec.json.encode(half), LIFE_S)


def _key(what: str, code: Code) -> str:
    return f"{what}:{code.machine}:{code.worker}"


def _proof(code: Code, what: bytes, said: bytes) -> bytes:
    names = f"{code.worker}@{code.machine}".encode()
    return hmac.digest(code.secret, b"\0".join((what, names, said)), "sha256")


def _is_proven(code: Code, what: bytes, said: bytes, half: _Half) -> bool:
    return hmac.compare_digest(half.proof, _proof(code, what, said))


def _shared(code: Code, own: X25519PrivateKey, other: bytes) -> bytes:
    shared = own.exchange(X25519PublicKey.from_public_bytes(other))
    names = f"butler fleet {code.worker}@{code.machine}".encode()
    return HKDF(SHA256(), 32, salt=code.secret, info=names).derive(shared)


def _read(data: bytes | None) -> _Half | None:
    if data is None:
        return None
    try:
        half = _half.decode(data)
    except msgspec.DecodeError:
        return None
    return half if len(half.public) == 32 else None
