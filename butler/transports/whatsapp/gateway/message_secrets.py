"""Edits as phones send them since May 2026: sealed with a secret that the message brought along.

The library leaves them as they are. Read in whatsmeow (msgsecret.go), whatsapp-rust and Baileys.
"""

from collections.abc import Sequence
from itertools import product

from google.protobuf.message import (  # type: ignore[import-untyped]  # ships no types
    DecodeError,
)
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content

from butler.chat.message import Person
from butler.transports.whatsapp.gateway.contents import Change, body, change

_USE = "Message Edit"
_KEY_BYTES = 32


def opened(changed: Change, target: Content, sender: Person) -> Change:
    """Return ``changed`` as an edit in the clear if the secret of ``target`` opens it.

    Only ``sender`` counts as the author of both. Everybody in a group has the secret, so that each
    of them could seal an edit of what somebody else has written.
    """
    secret = target.messageContextInfo.messageSecret
    if not changed.is_sealed or not secret:
        return changed
    sealed = body(changed.content).part
    for author, editor in product(_addresses(sender), repeat=2):
        key = _key(secret, changed.target, author, editor)
        plain = _decrypted(key, sealed.encIV, sealed.encPayload)
        if plain is not None:
            return _edit(plain, changed)
    return changed


def _addresses(person: Person) -> Sequence[str]:
    phone = f"{person.phone.removeprefix('+')}@s.whatsapp.net" if person.phone else None
    return [each for each in (person.lid, phone) if each]


def _key(secret: bytes, message_id: str, author: str, editor: str) -> bytes:
    # Late, as few gateways ever need it.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = f"{message_id}{author}{editor}{_USE}".encode()
    return HKDF(SHA256(), _KEY_BYTES, None, info).derive(secret)


def _decrypted(key: bytes, nonce: bytes, sealed: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, sealed, None)
    except (InvalidTag, ValueError):
        return None


def _edit(plain: bytes, sealed: Change) -> Change:
    try:
        content = Content.FromString(plain)
    except DecodeError:
        return sealed
    inner = change(content)
    if inner is None or not inner.is_edit:
        return sealed
    new = Content()
    new.CopyFrom(inner.content)
    if secret := content.messageContextInfo.messageSecret:
        new.messageContextInfo.messageSecret = secret
    return Change(sealed.target, new, is_edit=True)
