"""Texts of agents inside Butler's own messages, where they must not look like Butler's."""

import re

from butler_run.text.markdown import clean

_MARKS = str.maketrans(
    {
        "*": "\N{ASTERISK OPERATOR}",
        "~": "\N{TILDE OPERATOR}",
        "`": "\N{MODIFIER LETTER GRAVE ACCENT}",
    }
)
# Inside of a word, as in a name of a file, WhatsApp shows it as it is.
_UNDERSCORE = re.compile(r"(?<!\w)_|_(?!\w)")
_MOST_LOOKED_AT = 20_000


def without_marks(text: str) -> str:
    """Return ``text`` without control characters, its mark-up replaced by look-alikes."""
    marked = clean(text[:_MOST_LOOKED_AT]).translate(_MARKS)
    return _UNDERSCORE.sub("\N{FULLWIDTH LOW LINE}", marked)


def in_one_line(text: str, limit: int) -> str:
    """Return ``text`` on one line of at most ``limit`` characters, without mark-up."""
    line = " ".join(without_marks(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def quoted(text: str, most_lines: int, most_chars: int) -> str:
    """Return ``text`` as a quotation without mark-up, cut after some lines and characters."""
    lines = _lines(text, most_chars)
    is_cut = is_quoted_in_part(text, most_lines, most_chars)
    return "\n".join(f"> {line}" for line in [*lines[:most_lines], *(["…"] if is_cut else [])])


def is_quoted_in_part(text: str, most_lines: int, most_chars: int) -> bool:
    """Return whether ``quoted`` leaves some of a text out."""
    return len(text.strip()) > most_chars or len(_lines(text, most_chars)) > most_lines


def _lines(text: str, most_chars: int) -> list[str]:
    shown = without_marks(text).strip()[:most_chars]
    return [line.rstrip() for line in shown.splitlines() if line.strip()]
