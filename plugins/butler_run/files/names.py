"""Safe names for files whose names others chose."""

import re
from collections.abc import Collection
from pathlib import PurePosixPath

MAX_LENGTH = 80

_ENDINGS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/heic": ".heic",
    "application/pdf": ".pdf",
    "audio/ogg": ".ogg",
    "video/mp4": ".mp4",
    "text/plain": ".txt",
}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(
    name: str, kind: str, media_type: str, taken: Collection[str], *, may_be_hidden: bool = False
) -> str:
    """Return a name for a file that is not among ``taken``: no path, and nothing odd in it.

    Args:
        name: The name that its sender gave it, if any.
        kind: What it is in a word, for a file without a name.
        media_type: Its type by its content; its usual ending is added if another one is there.
        taken: The names that others have.
        may_be_hidden: A dot at its beginning stays.
    """
    base = re.split(r"[/\\]", name)[-1]
    clean = _UNSAFE.sub("-", base).strip(".-") or _UNSAFE.sub("-", kind)
    if may_be_hidden and base.startswith("."):
        clean = f".{clean}"
    stem, ending = _split(clean, media_type)
    stem = stem[: MAX_LENGTH - len(ending) - 4] or "file"
    found, number = f"{stem}{ending}", 1
    while found.lower() in {each.lower() for each in taken}:
        number += 1
        found = f"{stem}-{number}{ending}"
    return found


def _split(name: str, media_type: str) -> tuple[str, str]:
    """Return the name without its ending, and the ending that fits the content."""
    path = PurePosixPath(name)
    usual = _ENDINGS.get(media_type, "")
    is_exact = media_type.startswith("image/") or media_type == "application/pdf"
    if not usual or (path.suffix and not is_exact):
        return path.stem, path.suffix
    alike = {usual, ".jpeg"} if usual == ".jpg" else {usual}
    return (path.stem, path.suffix) if path.suffix.lower() in alike else (name, usual)
