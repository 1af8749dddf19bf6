"""Answers to questions: "yes", "no", a number, or a thumb."""

import re
from dataclasses import dataclass

_LONGEST = 40
_ANSWER = re.compile(r"(yes|no|[1-9][0-9]?)(?:\s+([a-z]{1,2}[0-9]{1,12}))?\s*[.!]?", re.IGNORECASE)
_THUMBS = {"👍": "yes", "👎": "no"}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: "yes", "no" or a number, and the code of the question."""

    word: str
    code: str | None


def said(text: str, *, is_reaction: bool) -> Said | None:
    """Parse ``text`` as an answer; return None if it is not one."""
    text = text.strip()
    if word := _THUMBS.get(text.rstrip("\ufe0f🏻🏼🏽🏾🏿")):
        return Said(word, None)
    if is_reaction or len(text) > _LONGEST:
        return None
    match = _ANSWER.fullmatch(text)
    return Said(match[1].lower(), match[2] and match[2].lower()) if match else None
