"""The type of a file by its first bytes, whatever its name says."""

HEAD_BYTES = 4096
"""How many first bytes are enough."""

UNKNOWN = "application/octet-stream"

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ", "application/x-executable"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_IN_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_IN_BOXES = {
    b"M4A": "audio/mp4",
    b"hei": "image/heic",
    b"hev": "image/heic",
    b"mif": "image/heic",
    b"avi": "image/avif",
}


def content_type(head: bytes) -> str:
    """Return the media type of a file that begins with ``head``, as ``image/png``.

    The first 4,096 bytes count. Text is ``text/plain``, and what is not known
    ``application/octet-stream``.
    """
    head = head[:HEAD_BYTES]
    for beginning, media_type in _BEGINNINGS:
        if head.startswith(beginning):
            return media_type
    if head.startswith(b"RIFF"):
        return _IN_RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _IN_BOXES.get(head[8:11], "video/mp4")
    return "text/plain" if head and _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may have been cut.
        return error.start > len(head) - 4 and len(head) >= HEAD_BYTES
    return True
