"""Sanitizes external text for use in sentences."""

import re
import unicodedata

# Keep carriage returns at line ends: a patch without them would not apply.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")

MAX_NAME_LENGTH = 60

_MOST_LOOKED_AT = 500
_LOOK_ALIKES = str.maketrans(
    "*_~`",
    "\N{ASTERISK OPERATOR}\N{FULLWIDTH LOW LINE}\N{TILDE OPERATOR}\N{MODIFIER LETTER GRAVE ACCENT}",
)


def without_controls(text: str) -> str:
    """Return ``text`` without control characters and direction overrides."""
    return _UNSEEN.sub("", text)


def printable(text: str, limit: int = 64) -> str:
    """Return ``text`` as one line of visible characters, cut after ``limit`` of them."""
    clean = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: limit + 1]
    )
    return clean if len(clean) <= limit else f"{clean[:limit]}…"


def readable(name: str) -> str:
    """Return an external name as one line of at most 60 visible characters; may be empty.

    Mark-up characters are replaced by look-alikes.
    """
    # Joiners, as in emoji, are removed rather than replaced.
    seen = "".join(c for c in name[:_MOST_LOOKED_AT] if unicodedata.category(c) != "Cf")
    return printable(" ".join(seen.split()), MAX_NAME_LENGTH).translate(_LOOK_ALIKES)
