"""Takes the metadata out of pictures, such as the place where they were taken.

Nothing is decoded, so that pictures of any size are harmless. Only how a picture is turned is kept.
"""

import struct
from collections.abc import Iterator

_JPEG, _PNG, _RIFF = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF"
_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB"}
    | {b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT"}
)
_WEBP_METADATA = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS = 0x08 | 0x04
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_COMMENT, _SCAN, _END = 0xFE, 0xDA, 0xD9
_ORIENTATION = 0x0112
_EXIF = b"Exif\0\0"


def without_metadata(data: bytes) -> bytes:
    """Return a JPEG, PNG or WebP picture without its metadata; anything else unchanged.

    What cannot be understood to its end is cut off there.
    """
    if data.startswith(_JPEG):
        return b"".join(_jpeg(data))
    if data.startswith(_PNG):
        return _PNG + b"".join(_png(data))
    if data.startswith(_RIFF) and data[8:12] == b"WEBP":
        chunks = b"WEBP" + b"".join(_webp(data))
        return _RIFF + struct.pack("<I", len(chunks)) + chunks
    return data


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Yield the segments of a JPEG picture up to the end of its last scan."""
    yield _JPEG
    at, orientation = 2, 0
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _END:
            break
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        segment = data[at : at + 2 + length]
        at += 2 + length
        if marker == _APP1 and segment[4:10] == _EXIF:
            orientation = orientation or _orientation(segment[10:])
        elif marker == _SCAN:
            yield _turned(orientation) if orientation else b""
            end = _end_of_scans(data, at)
            yield segment + data[at:end]
            at = end
            orientation = 0
        elif not _is_jpeg_metadata(marker):
            yield segment
    yield b"\xff\xd9"


def _is_jpeg_metadata(marker: int) -> bool:
    is_application = _APP0 <= marker <= _APP15
    return marker == _COMMENT or (is_application and marker not in {_APP0, _APP2, _APP14})


def _end_of_scans(data: bytes, at: int) -> int:
    """Return where the compressed data that begins at ``at`` ends."""
    while (at := data.find(b"\xff", at)) != -1 and at + 1 < len(data):
        marker = data[at + 1]
        is_inside = marker == 0 or 0xD0 <= marker <= 0xD7 or marker == 0xFF
        if not is_inside:
            return at
        at += 1 if marker == 0xFF else 2
    return len(data)


def _orientation(tiff: bytes) -> int:
    """Return how a picture is turned, 1 to 8; 0 if the data do not say."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 0
    try:
        (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, offset)
        for number in range(min(count, 200)):
            place = offset + 2 + 12 * number
            tag, kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, place)
            if tag == _ORIENTATION and kind == 3:
                return int(value) if 1 <= value <= 8 else 0
    except struct.error:
        pass
    return 0


def _turned(orientation: int) -> bytes:
    """Return the segment that says how a picture is turned, and nothing else."""
    entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, orientation, 0)
    tiff = b"MM\0\x2a" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    body = _EXIF + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(data: bytes) -> Iterator[bytes]:
    at = len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        if kind in _PNG_KEPT:
            yield data[at : at + 12 + length]
        at += 12 + length
        if kind == b"IEND":
            return


def _webp(data: bytes) -> Iterator[bytes]:
    (size,) = struct.unpack_from("<I", data, 4)
    at, end = 12, min(len(data), 8 + size)
    while at + 8 <= end:
        (length,) = struct.unpack_from("<I", data, at + 4)
        padded = length + length % 2
        chunk = data[at : at + 8 + padded]
        at += 8 + padded
        if chunk[:4] == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS]) + chunk[9:]
        if chunk[:4] not in _WEBP_METADATA:
            yield chunk
