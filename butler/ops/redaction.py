"""Redacts a text for strangers: who and where become hashes, quoted texts become their lengths."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_HASH_LENGTH: Final = 7
_SHORTEST_NAME: Final = 3
_MAX_LINE: Final = 2_000
_MAX_READ: Final = 10_000
_ADDRESS: Final = re.compile(
    r"(?<![\w.])[\w.+:-]{1,64}@(?:lid|g\.us|s\.whatsapp\.net|c\.us|newsletter|broadcast|bot)\b"
)
_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_PHONE: Final = re.compile(r"(?<![\w+.:-])\+?\d{8,15}(?![\w.:-])|\+\d(?:[ ()/-]?\d){6,14}(?!\d)")
_MESSAGE_ID: Final = re.compile(r"(?<![0-9A-Za-z])(?:3EB0|3A|AC|BA)[0-9A-F]{14,36}(?![0-9A-Za-z])")
_QUOTED: Final = re.compile(
    r"“([^”]{1,2000})”|‘([^’]{1,2000})’|\"([^\"]{1,2000})\"|'([^']{1,2000})'"
)
_SECRET: Final = re.compile(
    r"\b(?:sk|ghp|gho|ghs|glpat|xox[abp]|AKIA|AIza)[\w-]{10,200}|\beyJ[\w.-]{20,2000}"
    r"|(?<=://)[^\s/@]{1,200}@",
)


class Redaction:
    """Replaces what identifies people, chats and places, each time by the same hash.

    The hashes depend on a random salt, so they can be compared within one text only.

    Args:
        names: Names and their kinds, such as ``{"api": "repo", "Backend team": "chat"}``.
        home: The folder that is shown as ``~``.
    """

    def __init__(self, names: Mapping[str, str], home: Path) -> None:
        self._salt = secrets.token_bytes(16)
        self._home = str(home)
        self._kinds = {name: kind for name, kind in names.items() if len(name) >= _SHORTEST_NAME}
        longest_first = sorted(map(re.escape, self._kinds), key=len, reverse=True)
        self._names = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)") if names else None

    def lines(self, texts: Iterable[str]) -> list[str]:
        """Return the lines, redacted."""
        return [self.line(text) for text in texts]

    def line(self, text: str) -> str:
        """Return one line, redacted; what is longer than 2,000 characters is cut."""
        # What is cut in half would no longer look like what it is.
        text = _unquoted(text)[:_MAX_READ]
        text = _SECRET.sub("<secret>", text)
        text = _ADDRESS.sub(lambda found: self._hash("id", found[0]), text)
        text = _EMAIL.sub(lambda found: self._hash("address", found[0]), text)
        text = _MESSAGE_ID.sub(lambda found: self._hash("message", found[0]), text)
        text = _PHONE.sub(lambda found: self._hash("number", found[0]), text)
        text = _QUOTED.sub(_length, text)
        if self._kinds and self._names:
            text = self._names.sub(lambda found: self._hash(self._kinds[found[0]], found[0]), text)
        return text.replace(self._home, "~")[:_MAX_LINE]

    def _hash(self, kind: str, text: str) -> str:
        digest = hashlib.blake2b(text.encode(errors="replace"), key=self._salt).hexdigest()
        # A letter first: eight digits would count as a phone number in their turn.
        return f"<{kind} h{digest[:_HASH_LENGTH]}>"


def _unquoted(line: str) -> str:
    """Return a line of a JSON log as pairs, so that its own quotes do not hide all of it."""
    if not line.startswith("{") or len(line) > _MAX_READ:
        return line
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return " ".join(f"{key}={value}" for key, value in fields.items())


def _length(found: re.Match[str]) -> str:
    inside = next(group for group in found.groups() if group is not None)
    return f"<{len(inside)} characters>"
