"""Redacts secrets."""

import re
from collections.abc import Iterable

from butler import SECRET_SHAPES

HIDDEN = "•••"

_KEY = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_BLOCK = rf"-----BEGIN {_KEY}(?s:.*?)(?:-----END {_KEY}|\Z)"
_SHORTEST_VALUE = 6


class Redactor:
    """Redacts tokens of known shapes, private keys, and the given values.

    Args:
        values: More secrets, such as the values of an agent's environment variables; values of
            fewer than six characters are ignored, as they would redact half of a text.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        hidden = sorted({value for value in values if len(value) >= _SHORTEST_VALUE}, key=len)
        exact = [re.escape(value) for value in reversed(hidden)]
        self._pattern = re.compile("|".join([*exact, _KEY_BLOCK, SECRET_SHAPES]))

    def redacted(self, text: str) -> str:
        """Return ``text`` with every secret replaced by ``•••``."""
        return self._pattern.sub(HIDDEN, text)
