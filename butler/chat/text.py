"""Makes external text, durations and lists fit for a sentence."""

import re
import unicodedata
from collections.abc import Iterable

# Keep carriage returns at line ends: a patch without them would not apply.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")

INVISIBLE = (
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
)
"""Characters that phones, keyboards and copied text bring along unseen; joiners are among them."""

_NUMBERED = re.compile(r"([^0-9]*)([0-9]*)")
_NOTHING = dict.fromkeys(map(ord, INVISIBLE))
_SENTENCE_ENDS = ".,;!?\u2026\u3002"
_WRAPPINGS = "\"'\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019\u201a\u2039\u203a*_~`"

MAX_NAME_LENGTH = 60

_FENCE = "```"
_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))

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


def seen(text: str) -> str:
    """Return ``text`` without the characters that nobody sees."""
    return text.translate(_NOTHING)


def tidied(word: str) -> str:
    """Return a single word as it was meant: unseen characters and what is put around it removed.

    That is what ends a sentence, quotation marks, and WhatsApp's mark-up.
    """
    visible = seen(word).strip()
    bare = visible.rstrip(_SENTENCE_ENDS)
    while len(bare) > 1 and bare[0] in _WRAPPINGS and bare[-1] in _WRAPPINGS:
        bare = bare[1:-1].rstrip(_SENTENCE_ENDS)
    return bare or visible


def folded(name: str) -> str:
    """Return a form of ``name`` that is the same however it is typed: in case, and composed."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def in_natural_order(name: str) -> tuple[tuple[str, int], ...]:
    """Return a key that sorts names as people count: ``repo2`` before ``repo10``."""
    return tuple((text, int(number or 0)) for text, number in _NUMBERED.findall(name))


def readable(name: str) -> str:
    """Return an external name as one line of at most 60 visible characters; may be empty.

    Mark-up characters are replaced by look-alikes.
    """
    # Joiners, as in emoji, are removed rather than replaced.
    seen = "".join(c for c in name[:_MOST_LOOKED_AT] if unicodedata.category(c) != "Cf")
    return printable(" ".join(seen.split()), MAX_NAME_LENGTH).translate(_LOOK_ALIKES)


def fenced(text: str) -> str:
    """Return ``text`` as a block of code; fences in it become quotation marks."""
    inner = text.rstrip("\n").replace(_FENCE, "'''")
    return f"{_FENCE}\n{inner}\n{_FENCE}"


def listed(
    names: Iterable[str], most: int = 10, *, joint: str = ", ", last_joint: str = " and "
) -> str:
    """Return at most ``most`` names in a row, and how many more there are: ``a, b and 3 more``."""
    all_names = list(names)
    more = len(all_names) - most
    return joint.join(all_names[:most]) + (f"{last_joint}{more:,} more" if more > 0 else "")


def duration(seconds: float) -> str:
    """Return a length of time in one or two units: ``12 s``, ``2 min 10 s``, ``3 days 4 h``."""
    left = max(0, round(seconds))
    largest = next((n for n, (_unit, size) in enumerate(_UNITS) if left >= size), -1)
    parts = []
    for unit, size in _UNITS[largest:][:2]:
        count, left = divmod(left, size)
        if count:
            parts.append(_counted(count, unit))
    return " ".join(parts) or "0 s"


def ago(seconds: float) -> str:
    """Return how long ago something was in one unit: ``just now``, ``12 s ago``, ``3 days ago``."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{_counted(int(seconds // size), unit)} ago"
    return "just now"


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" + ("s" if unit == "day" and count > 1 else "")
