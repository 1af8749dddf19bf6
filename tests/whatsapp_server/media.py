"""The media host: keeps encrypted files, those of people and those that the bot uploads."""

import base64
import hashlib
import hmac
import json
import os
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from whatsapp_server.contents import StoredFile
from whatsapp_server.descriptions import unwrapped
from whatsapp_server.elements import Element, element
from whatsapp_server.keys import derived
from whatsapp_server.messages import Document
from whatsapp_server.protobuf import Fields
from whatsapp_server.proxy import Request, Response
from whatsapp_server.ratchet import cbc_decrypted

HOST = "mmg.whatsapp.net"
_PLACES = {7: (7, 10, 2, 20, 8), 3: (8, 11, 2, 3, None)}
"""Of a bot's document and picture: the fields of key, path, type, caption and file name."""
_KEYS = {
    "image": b"WhatsApp Image Keys",
    "video": b"WhatsApp Video Keys",
    "audio": b"WhatsApp Audio Keys",
    "document": b"WhatsApp Document Keys",
}
_KINDS = {7: "document", 3: "image"}
_MAC_BYTES = 10
_HOUR_S = 3_600


class Media:
    """The files on the host, by their path."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """All requests for a file so far."""
        self.download_statuses: list[int] = []
        """HTTP statuses for the next requests for a file, instead of answering them."""
        self.is_stalling = False
        """Whether only the first half of a file is sent, and then nothing."""
        self.upload_error: int | None = None
        """HTTP status for every upload, instead of taking it."""
        self._files: dict[str, bytes] = {}

    def connection(self) -> Element:
        """Return where a client may upload to."""
        host = element("host", {"hostname": HOST})
        lives = {"ttl": _HOUR_S, "auth_ttl": _HOUR_S, "max_buckets": 12}
        return element("media_conn", {"auth": "test", **lives}, host)

    def respond(self, request: Request) -> Response:
        """Take an upload, or return a file."""
        path = request.target.partition("?")[0]
        if request.method == "POST" and path.startswith("/mms/"):
            return self._take(path, request.body)
        self.requests.append(request)
        if self.download_statuses:
            return Response(self.download_statuses.pop(0))
        stored = self._files.get(path)
        query = parse_qs(request.target.partition("?")[2])
        if stored is None or query.get("hash") != [_hash(stored)]:
            return Response(404)
        return Response(200, stored, is_stalling=self.is_stalling)

    def store(self, data: bytes, kind: str) -> StoredFile:
        """Keep a file of a person: ``image`` (also of stickers), ``video``, ``audio``, …."""
        media_key = os.urandom(32)
        stored = encrypted(data, media_key, kind)
        path = f"/v/t62.7118-24/{os.urandom(8).hex()}_n.enc"
        self._files[path] = stored
        return StoredFile(
            f"{path}?ccb=11-4&oh=01_Q5&oe=66&_nc_sid=5e03e0",
            media_key,
            hashlib.sha256(data).digest(),
            hashlib.sha256(stored).digest(),
            len(data),
        )

    def expire(self, file: StoredFile) -> None:
        """Remove a file."""
        del self._files[file.direct_path.partition("?")[0]]

    def replace(self, file: StoredFile, stored: bytes) -> StoredFile:
        """Put other bytes in the place of a file; return what a message would say about it."""
        self._files[file.direct_path.partition("?")[0]] = stored
        digest = hashlib.sha256(stored).digest()
        return StoredFile(file.direct_path, file.media_key, file.sha256, digest, file.length)

    def stored(self, file: StoredFile) -> bytes:
        """Return the encrypted bytes of a file."""
        return self._files[file.direct_path.partition("?")[0]]

    def document(self, raw: bytes) -> Document | None:
        """Return the file that a message brings, if it brings one that was uploaded."""
        for number, (key, path, media_type, caption, name) in _PLACES.items():
            message = unwrapped(Fields(raw)).message(number)
            stored = self._files.get(message.text(path).partition("?")[0])
            if stored is not None:
                data = _decrypted(stored, message.data(key), _KINDS[number])
                file_name = message.text(name) if name else ""
                return Document(
                    data, file_name, message.text(media_type), message.text(caption), _KINDS[number]
                )
        return None

    def _take(self, upload_path: str, body: bytes) -> Response:
        if self.upload_error is not None:
            return Response(self.upload_error)
        path = f"/v/{upload_path.rpartition('/')[2]}"
        self._files[path] = body
        answer = {"url": f"https://{HOST}{path}", "direct_path": path, "handle": "test"}
        return Response(200, json.dumps(answer).encode())


def encrypted(data: bytes, media_key: bytes, kind: str) -> bytes:
    """Return a file as the host keeps it."""
    iv, cipher_key, mac_key = _keys(media_key, kind)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES256(cipher_key), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
    return sealed + hmac.digest(mac_key, iv + sealed, "sha256")[:_MAC_BYTES]


def _decrypted(stored: bytes, media_key: bytes, kind: str) -> bytes:
    iv, cipher_key, mac_key = _keys(media_key, kind)
    sealed, mac = stored[:-_MAC_BYTES], stored[-_MAC_BYTES:]
    if not hmac.compare_digest(hmac.digest(mac_key, iv + sealed, "sha256")[:_MAC_BYTES], mac):
        raise ValueError("the uploaded file is damaged, or the message has another key")
    return cbc_decrypted(cipher_key, iv, sealed)


def _keys(media_key: bytes, kind: str) -> tuple[bytes, bytes, bytes]:
    keys = derived(media_key, 112, info=_KEYS[kind])
    return keys[:16], keys[16:48], keys[48:80]


def _hash(stored: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(stored).digest()).decode()
