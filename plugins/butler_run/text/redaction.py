"""Redacts secrets."""

import re
from collections.abc import Iterable

from butler import SECRET_SHAPES
from butler_run.text.apart import searched_apart
from butler_run.text.markdown import clean

HIDDEN = "•••"
LONG = 300_000
"""A text of more characters is searched in a process of its own."""

_KEY = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_BLOCK = rf"-----BEGIN {_KEY}(?s:.*?)(?:-----END {_KEY}|\Z)"
_SHORTEST_VALUE = 6

_MARK = r"[-+ ]{0,2}[ ]{0,40}"
_BEGINNING = re.compile(rf"{_MARK}-----BEGIN {_KEY}[ ]{{0,40}}")
_KEY_LINE = re.compile(rf"{_MARK}([A-Za-z0-9+/]{{16,80}}={{0,2}})[ ]{{0,40}}")
_KEY_HEADER = re.compile(rf"{_MARK}(?:[A-Za-z-]{{1,40}}: [ -~]{{0,100}})?")
_NAME = r"(?:export )?[\"']?[\w.-]{1,60}[\"']?[ ]{0,4}[:=][ ]{0,4}"
_KEY_IN_LINE = re.compile(rf"-----BEGIN {_KEY}.{{0,40}}?[A-Za-z0-9+/=]{{40}}")


class Redactor:
    """Redacts tokens of known shapes, private keys, and the given values.

    Args:
        values: More secrets, such as the values of an agent's environment variables; values of
            fewer than six characters are ignored, as they would redact half of a text.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self.follow(values)

    def follow(self, values: Iterable[str]) -> None:
        """Redact these values from now on, and those from before, which may still be shown."""
        self._values |= set(values)
        values = self._values
        hidden = sorted({value for value in values if len(value) >= _SHORTEST_VALUE}, key=len)
        exact = [re.escape(value) for value in reversed(hidden)]
        self._pattern = re.compile("|".join([*exact, _KEY_BLOCK, SECRET_SHAPES]))
        secret = "|".join([*exact, SECRET_SHAPES])
        self._secret = re.compile(secret)
        self._secret_line = re.compile(
            rf"({_MARK}(?:{_NAME})?[\"']?)({secret})([\"']?[,;]?[ ]{{0,40}})"
        )

    def redacted(self, text: str) -> str:
        """Return ``text`` with every secret replaced by ``•••``; blocking if it is long."""
        if len(text) > LONG:
            return searched_apart(text, self._values, is_to_clean=False)
        return self.searched(text)

    def cleaned(self, text: str) -> str:
        """Return the same without terminal escapes and control characters."""
        if len(text) > LONG:
            return searched_apart(text, self._values, is_to_clean=True)
        return self.searched(clean(text))

    def searched(self, text: str) -> str:
        """Return the same as ``redacted``, however long that holds up this process."""
        return self._pattern.sub(HIDDEN, text)

    def without_keys(self, text: str) -> str | None:
        """Return ``text`` with how much is hidden in place of what is nothing but a secret.

        That is a line of a private key, or the value where a line is no more than a name and a
        value. Not for commands: a shell would execute a path that looks like either. None where
        a secret stands beside something else, so that it can be neither shown nor hidden.
        """
        shown: list[str] = []
        hidden, is_in_key = 0, False
        for line in text.split("\n"):
            key_line = _KEY_LINE.fullmatch(line) if is_in_key else None
            if key_line:
                hidden += len(key_line[1])
                continue
            if hidden:
                shown.append(_hidden(hidden))
                hidden = 0
            is_in_key = _begins_or_goes_on(line, is_in_key=is_in_key)
            kept = self._without_value(line)
            if kept is None:
                return None
            shown.append(kept)
        return "\n".join([*shown, *([_hidden(hidden)] if hidden else [])])

    def _without_value(self, line: str) -> str | None:
        if match := self._secret_line.fullmatch(line):
            return f"{match[1]}{_hidden(len(match[2]))}{match[3]}"
        if self._secret.search(line) or _KEY_IN_LINE.search(line):
            return None
        return line


def _begins_or_goes_on(line: str, *, is_in_key: bool) -> bool:
    """Return whether lines of a private key may follow a line."""
    if _BEGINNING.fullmatch(line):
        return True
    return is_in_key and _KEY_HEADER.fullmatch(line) is not None


def _hidden(size: int) -> str:
    return f"({size:,} {'character is' if size == 1 else 'characters are'} hidden)"
