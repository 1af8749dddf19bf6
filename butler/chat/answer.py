"""Answers to questions: "yes", "no", a number, or a thumb."""

import re
from dataclasses import dataclass

from butler.chat.text import seen

_LONGEST = 40
# Not "~", as a word that is struck through is no answer.
_AROUND = "[\"'\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019\u201a\u2039\u203a*_`]*"
_ANSWER = re.compile(
    rf"{_AROUND}(yes|no|#?[1-9][0-9]?){_AROUND}"
    rf"(?:\s+{_AROUND}([a-z]{{1,2}}[0-9]{{1,12}}){_AROUND})?\s*[.!]?{_AROUND}",
    re.IGNORECASE,
)
_THUMBS = {"👍": "yes", "👎": "no"}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: "yes", "no" or a number, and the code of the question."""

    word: str
    code: str | None


def said(text: str, *, is_reaction: bool) -> Said | None:
    """Parse ``text`` as an answer; return None if it is not one."""
    text = seen(text).strip()
    if word := _THUMBS.get(text.rstrip("\ufe0f🏻🏼🏽🏾🏿")):
        return Said(word, None)
    if is_reaction or len(text) > _LONGEST:
        return None
    match = _ANSWER.fullmatch(text)
    if match is None:
        return None
    return Said(match[1].removeprefix("#").lower(), match[2] and match[2].lower())
