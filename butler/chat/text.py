"""Text from outside made fit for a sentence."""

import re
import unicodedata

# A carriage return stays where a line ends: a patch without it would not fit its file.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")

MAX_NAME_LENGTH = 60

_MOST_LOOKED_AT = 500
_LOOK_ALIKES = str.maketrans(
    "*_~`",
    "\N{ASTERISK OPERATOR}\N{FULLWIDTH LOW LINE}\N{TILDE OPERATOR}\N{MODIFIER LETTER GRAVE ACCENT}",
)


def without_controls(text: str) -> str:
    """Return ``text`` without control characters and marks that turn its direction around."""
    return _UNSEEN.sub("", text)


def printable(text: str, limit: int = 64) -> str:
    """Return ``text`` fit for a sentence: one line, nothing invisible, at most ``limit`` long."""
    clean = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: limit + 1]
    )
    return clean if len(clean) <= limit else f"{clean[:limit]}…"


def readable(name: str) -> str:
    """Return a name from outside fit for a sentence: one line of at most 60 characters.

    It holds nothing invisible and no mark-up, only what looks like it; it may be empty.
    """
    # Joiners, as within emoji, are left out rather than replaced.
    seen = "".join(c for c in name[:_MOST_LOOKED_AT] if unicodedata.category(c) != "Cf")
    return printable(" ".join(seen.split()), MAX_NAME_LENGTH).translate(_LOOK_ALIKES)
