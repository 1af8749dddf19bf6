"""What of a file a model can look at: pictures made small, and PDFs."""

import io
import logging
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from butler_run.agents import PromptFile

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)

LONGEST_SIDE = 1_568
"""More pixels are made fewer by the models' providers themselves."""

MOST_PIXELS = 50_000_000
"""Pictures with more are not decoded, however small their file is."""

MOST_PICTURE_BYTES = 1_500_000
MOST_PDF_BYTES = 10_000_000

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_PDF = "application/pdf"
_BROKEN = (OSError, ValueError, SyntaxError, TypeError, EOFError, struct.error, MemoryError)


def prompt_file(path: Path, media_type: str) -> PromptFile:
    """Return a file with what a model can see of it; blocks."""
    if media_type in _PICTURES:
        shown = _picture(path)
        if shown is not None:
            return PromptFile(path, media_type, *shown)
    if media_type == _PDF and path.stat().st_size <= MOST_PDF_BYTES:
        return PromptFile(path, media_type, path.read_bytes(), _PDF)
    return PromptFile(path, media_type)


def _picture(path: Path) -> tuple[bytes, str] | None:
    """Return a picture as models take it, and its type; None if it cannot be made."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=("PNG", "JPEG", "GIF", "WEBP")) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS or not width * height:
                return None
            picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            turned = ImageOps.exif_transpose(picture)
            turned.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return _encoded(turned)
    except (*_BROKEN, Image.DecompressionBombError) as error:
        logger.warning("a picture cannot be shown to an agent: %r", error)
        return None


def _encoded(picture: "Image") -> tuple[bytes, str]:
    has_alpha = picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info
    lossless = io.BytesIO()
    picture.convert("RGBA" if has_alpha else "RGB").save(lossless, "PNG")
    if lossless.tell() <= MOST_PICTURE_BYTES:
        return lossless.getvalue(), "image/png"
    lossy = io.BytesIO()
    picture.convert("RGB").save(lossy, "JPEG", quality=70)
    return lossy.getvalue(), "image/jpeg"
