"""The media host: keeps the encrypted files that the bot uploads, and decrypts them."""

import hmac
import json

from whatsapp_server.descriptions import unwrapped
from whatsapp_server.elements import Element, element
from whatsapp_server.keys import derived
from whatsapp_server.messages import Document
from whatsapp_server.protobuf import Fields
from whatsapp_server.proxy import Request, Response
from whatsapp_server.ratchet import cbc_decrypted

HOST = "mmg.whatsapp.net"
_DOCUMENT = 7
_DOCUMENT_KEYS = b"WhatsApp Document Keys"
_MAC_BYTES = 10
_HOUR_S = 3_600


class Media:
    """The files that were uploaded, by their path."""

    def __init__(self) -> None:
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
        stored = self._files.get(path)
        return Response(404) if stored is None else Response(200, stored)

    def document(self, raw: bytes) -> Document | None:
        """Return the file that a message brings, if it brings a document that was uploaded."""
        message = unwrapped(Fields(raw)).message(_DOCUMENT)
        stored = self._files.get(message.text(10).partition("?")[0])
        if stored is None:
            return None
        data = _decrypted(stored, message.data(7))
        return Document(data, message.text(8), message.text(2), message.text(20))

    def _take(self, upload_path: str, body: bytes) -> Response:
        if self.upload_error is not None:
            return Response(self.upload_error)
        path = f"/v/{upload_path.rpartition('/')[2]}"
        self._files[path] = body
        answer = {"url": f"https://{HOST}{path}", "direct_path": path, "handle": "test"}
        return Response(200, json.dumps(answer).encode())


def _decrypted(stored: bytes, media_key: bytes) -> bytes:
    keys = derived(media_key, 112, info=_DOCUMENT_KEYS)
    iv, cipher_key, mac_key = keys[:16], keys[16:48], keys[48:80]
    sealed, mac = stored[:-_MAC_BYTES], stored[-_MAC_BYTES:]
    if not hmac.compare_digest(hmac.digest(mac_key, iv + sealed, "sha256")[:_MAC_BYTES], mac):
        raise ValueError("the uploaded file is damaged, or the message has another key")
    return cbc_decrypted(cipher_key, iv, sealed)
